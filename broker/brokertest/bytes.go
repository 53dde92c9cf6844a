package brokertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/stream"
)

// oddBytes are messages of which some are none of a hub: an engine passes them on as they are.
func oddBytes() map[string][]byte {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	return map[string][]byte{
		"every byte":         every,
		"one byte":           {'x'},
		"a zero":             {0},
		"lines":              []byte("+OK\r\n$3\r\nabc\r\n\r\n\n\r"),
		"half of a header":   message("")[:20],
		"a header alone":     message(""),
		"another version":    append([]byte("sh\x09\x00"), every...),
		"something numeric":  []byte("12345"),
		"not UTF-8":          {0xff, 0xfe, 0xc0, 0x80},
		"JSON":               []byte(`{"type":"price","payload":[1,2,{"a":null}]}`),
		"a long run":         bytes.Repeat([]byte{0xaa, 0}, 40_000),
		"a protocol of NATS": []byte("NATS/1.0\r\nStatus: 503\r\n\r\n"),
	}
}

func messagesPassUnchanged(t *testing.T, c Config) {
	hubs := open(t, c, 2)
	policy := keepAll()
	for name, data := range oddBytes() {
		t.Run(name, func(t *testing.T) {
			before := len(hubs[0].deliveries(t, 0))
			hubs[0].subscribe(t, plain(name, ""), plain(name, ""), control("bytes"), ofStream(name))
			if err := hubs[1].Publish(bounded(t), []broker.Message{{Key: plain(name, ""), Data: data}, {Key: control("bytes"), Data: data}}); err != nil {
				t.Fatal(err)
			}
			hubs[1].append(t, &broker.Append{Policy: policy, Type: name, Data: data})
			for _, d := range hubs[0].deliveries(t, before+3)[before:] {
				if !bytes.Equal(d.Data, data) {
					t.Errorf("kind %d: got %.200q, want %.200q", d.Kind, d.Data, data)
				}
			}
			page := hubs[0].read(t, broker.Query{Policy: policy, Type: name, Events: 10})
			if len(page.Entries) != 1 || !bytes.Equal(page.Entries[0].Data, data) {
				t.Errorf("got the page %.200v, want one event with the bytes %.200q", page, data)
			}
		})
	}
}

// filled is a message of n bytes that differ from place to place.
func filled(n int) []byte {
	data := message("")
	for i := len(data); i < n; i++ {
		data = append(data, byte(i*7+i>>8))
	}
	return data[:n]
}

func largeMessagesPass(t *testing.T, c Config) {
	hubs := open(t, c, 2)
	data := filled(c.Large)
	hubs[0].subscribe(t, plain("large", ""), ofStream("large"))
	policy := &stream.Policy{Match: "*", History: stream.History{Bytes: 8 * int64(c.Large)}}
	for range 3 {
		if err := hubs[1].Publish(bounded(t), []broker.Message{{Key: plain("large", "x"), Data: data}}); err != nil {
			t.Fatal(err)
		}
		hubs[1].append(t, &broker.Append{Policy: policy, Type: "large", Data: data})
	}
	for _, d := range hubs[0].deliveries(t, 6) {
		if !bytes.Equal(d.Data, data) {
			t.Fatalf("kind %d: got %d bytes that differ from the %d of the message", d.Kind, len(d.Data), len(data))
		}
	}
	var after uint64
	for after < 3 {
		page := hubs[0].read(t, broker.Query{Policy: policy, Type: "large", Events: 10, After: after})
		if len(page.Entries) == 0 {
			t.Fatalf("got a page without events behind %d, want one at least: there are 3", after)
		}
		for _, entry := range page.Entries {
			after++
			if entry.Offset != after || !bytes.Equal(entry.Data, data) {
				t.Fatalf("got %d bytes at %d, want the %d of the message at %d", len(entry.Data), entry.Offset, len(data), after)
			}
		}
	}
}

func aMessageTooLongHarmsNoOther(t *testing.T, c Config) {
	if c.TooLong == 0 {
		t.Skip("the configuration names no length that is too long")
	}
	hubs := open(t, c, 2)
	long := filled(c.TooLong)
	hubs[0].subscribe(t, plain("price", ""), control("hubs"), ofStream("order"))
	policy := keepAll()
	list := appends(policy, "order", "1", "2", "3")
	list[1].Data = long
	hubs[1].Append(bounded(t), list)
	if list[0].Err != nil || list[2].Err != nil || !errors.Is(list[1].Err, broker.ErrTooLong) {
		t.Fatalf("got the errors %v, %v, %v of three events, want ErrTooLong of the second alone", list[0].Err, list[1].Err, list[2].Err)
	}
	if list[0].Position.Offset != 1 || list[2].Position.Offset != 2 {
		t.Errorf("got the offsets %d and %d, want 1 and 2", list[0].Position.Offset, list[2].Position.Offset)
	}
	err := hubs[1].Publish(bounded(t), []broker.Message{
		{Key: plain("price", ""), Data: message("ahead")}, {Key: plain("price", ""), Data: long}, {Key: plain("price", "x"), Data: message("between")},
		{Key: control("hubs"), Data: long}, {Key: control("hubs"), Data: message("last")},
	})
	if !errors.Is(err, broker.ErrTooLong) {
		t.Errorf("Publish: got %v, want ErrTooLong", err)
	}
	hubs[1].publish(t, plain("price", ""), "behind")
	for _, want := range []string{"1", "3", "ahead", "between", "last", "behind"} {
		hubs[0].awaitText(t, want)
	}
	for _, d := range hubs[0].deliveries(t, 6) {
		if len(d.Data) == len(long) {
			t.Error("got the message that is too long delivered, want it nowhere")
		}
	}
}

func longestIsWhatPasses(t *testing.T, c Config) {
	h := open(t, c, 1)[0]
	longest := h.Longest()
	if longest < c.Large || c.TooLong > 0 && longest >= c.TooLong {
		t.Fatalf("got %d bytes, want %d at least, and less than the %d that are too long", longest, c.Large, c.TooLong)
	}
	h.subscribe(t, plain("price", ""))
	if err := h.Publish(bounded(t), []broker.Message{{Key: plain("price", ""), Data: filled(longest)}}); err != nil {
		t.Fatal(err)
	}
	h.await(t, "the longest message", func(k *known) bool { return len(k.deliveries) == 1 && len(k.deliveries[0].Data) == longest })
	if err := h.Publish(bounded(t), []broker.Message{{Key: plain("price", ""), Data: filled(longest + 1)}}); !errors.Is(err, broker.ErrTooLong) {
		t.Errorf("got %v of one byte more, want ErrTooLong", err)
	}
}

func bytesAreNotKept(t *testing.T, c Config) {
	const many = 200
	hubs := open(t, c, 2)
	hubs[0].subscribe(t, plain("price", ""), ofStream("order"))
	policy := keepAll()
	data := message("0000")
	for i := range many {
		number := fmt.Appendf(nil, "%04d", i)
		copy(data[broker.HeaderBytes:], number)
		if err := hubs[1].Publish(bounded(t), []broker.Message{{Key: plain("price", ""), Data: data}}); err != nil {
			t.Fatal(err)
		}
		ctx := bounded(t)
		if i%4 == 3 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithCancel(ctx)
			cancel()
			hubs[1].Append(ctx, []*broker.Append{{Policy: policy, Type: "ended", Data: data}})
		} else {
			hubs[1].append(t, &broker.Append{Policy: policy, Type: "order", Data: data})
		}
		copy(data[broker.HeaderBytes:], "gone")
	}
	for _, d := range hubs[0].deliveries(t, many+many*3/4) {
		if text(d.Data) == "gone" {
			t.Fatalf("kind %d: got bytes that the caller has changed after the call, want those of the call", d.Kind)
		}
	}
}
