package event

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var benchMessages = []struct {
	shape   string
	message string
}{
	{"object/bytes=64", `{"type":"order.created","id":"42","payload":{"total":12.5,"n":3}}`},
	{"object/bytes=160", `{"type":"price.tick","id":"EURUSD","payload":{"bid":1.08412,"ask":1.08419,"time":"2026-11-23T14:36:05.123Z",` +
		`"venue":"LMAX","flags":["firm","last"],"seq":8812}}`},
	{"object/bytes=1024", objectOf(1024)},
	{"text/bytes=1024", textOf(1024, "The quick brown fox jumps over the lazy dog. ")},
	{"cyrillic/bytes=1024", textOf(1024, "Съешь же ещё этих мягких булок. ")},
	{"escapes/bytes=1024", textOf(1024, `He said:\n\"caf\u00e9\", and left. `)},
	{"escapedname/bytes=1024", strings.Replace(objectOf(1019), `"payload"`, `"p\u0061yload"`, 1)},
}

func objectOf(bytes int) string {
	const item = `{"sku":"A-10442","name":"desk lamp, brass","count":2,"price":49.9,"tags":["home","sale"]}`
	const head, tail = `{"type":"order.created","id":"42","payload":{"total":499.5,"items":[`, `],"note":"`
	message := head + strings.Repeat(item+",", (bytes-len(head)-len(tail)-100)/(len(item)+1)) + item + tail
	return message + strings.Repeat("x", bytes-len(message)-len(`"}}`)) + `"}}`
}

func textOf(bytes int, unit string) string {
	const head, tail = `{"type":"chat.message","id":"room7","payload":"`, `"}`
	count := (bytes - len(head) - len(tail)) / len(unit)
	return head + strings.Repeat(unit, count) + strings.Repeat(".", bytes-len(head)-len(tail)-count*len(unit)) + tail
}

type libraryEvent struct {
	Type    string         `json:"type"`
	ID      string         `json:"id"`
	Payload jsontext.Value `json:"payload"`
}

func BenchmarkParse(b *testing.B) {
	for _, c := range benchMessages {
		message := []byte(c.message)
		b.Run("parser=own/shape="+c.shape, func(b *testing.B) {
			var view View
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			for b.Loop() {
				if err := view.Parse(message); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("parser=library/shape="+c.shape, func(b *testing.B) {
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			var got libraryEvent
			for b.Loop() {
				if err := json.Unmarshal(message, &got); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, c := range benchMessages[:3] {
		b.Run("shape="+c.shape, func(b *testing.B) {
			e, err := Parse([]byte(c.message))
			if err != nil {
				b.Fatal(err)
			}
			var out []byte
			b.SetBytes(int64(len(c.message)))
			b.ReportAllocs()
			for b.Loop() {
				out = Append(out[:0], e)
			}
		})
	}
}

func BenchmarkValidate(b *testing.B) {
	for _, c := range benchMessages[:3] {
		b.Run("shape="+c.shape, func(b *testing.B) {
			e, err := Parse([]byte(c.message))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(e.Payload)))
			b.ReportAllocs()
			for b.Loop() {
				if err := e.Validate(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkViewEvent(b *testing.B) {
	var view View
	if err := view.Parse([]byte(benchMessages[1].message)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = view.Event()
	}
}

func BenchmarkSubscribe(b *testing.B) {
	for _, count := range []int{1, 1000} {
		message := []byte(`{"type":"__subscribe","payload":{"topics":["price:EURUSD"` + strings.Repeat(`,"price:EURUSD"`, count-1) + `]}}`)
		b.Run(fmt.Sprintf("topics=%d", count), func(b *testing.B) {
			var view View
			var topics [][]byte
			b.ReportAllocs()
			for b.Loop() {
				if err := view.Parse(message); err != nil {
					b.Fatal(err)
				}
				var err error
				if topics, err = view.Topics(topics[:0]); err != nil || len(topics) != count {
					b.Fatal(err)
				}
			}
		})
	}
}
