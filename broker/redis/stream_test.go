package redis

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/internal/engines"
	"github.com/spokehub/spokehub/stream"
)

func appendedEventsAreDeliveredAndReadInOneOrder(t *testing.T, url string) {
	a, first := connect(t, url)
	b, second := connect(t, url)
	for _, e := range []*Engine{a, b} {
		subscribe(t, e, broker.Key{Kind: streams, Type: "price"})
	}
	if got := top(t, a, "price"); got.Offset != 0 || !event.ValidEpoch(got.Epoch) {
		t.Errorf("got top %v of an empty stream, want offset 0", got)
	}
	var appending sync.WaitGroup
	for _, e := range []*Engine{a, b} {
		appending.Go(func() {
			for i := range 20 {
				events := []*broker.Append{
					{Policy: keepAll, Type: "price", Data: message(fmt.Sprint(i))}, {Policy: keepAll, Type: "price", Data: message(fmt.Sprint(i))},
				}
				e.Append(within(t), events)
				if events[0].Err != nil || events[1].Position.Offset <= events[0].Position.Offset {
					t.Errorf("got %+v and %+v, want two in order", events[0], events[1])
				}
			}
		})
	}
	appending.Wait()
	page := read(t, a, broker.Query{Type: "price", Events: 100})
	if page.First != 1 || page.Top != 80 || len(page.Entries) != 80 || page.Epoch != top(t, b, "price").Epoch {
		t.Fatalf("got a page of %d from %d to %d, want 1 to 80", len(page.Entries), page.First, page.Top)
	}
	for _, r := range []*recorder{first, second} {
		for i, d := range r.awaitDeliveries(t, 80) {
			entry := page.Entries[i]
			if want := (event.Position{Epoch: page.Epoch, Offset: uint64(i) + 1}); d.Position != want || entry.Offset != want.Offset || string(d.Data) != string(entry.Data) {
				t.Fatalf("got %q at %v, want %q at %v", d.Data, d.Position, entry.Data, want)
			}
		}
	}
	if page := read(t, a, broker.Query{Type: "price", After: 78, Events: 1}); len(page.Entries) != 1 || page.Entries[0].Offset != 79 {
		t.Errorf("got %+v behind 78, want 79", page)
	}
	if page := read(t, a, broker.Query{Type: "price", After: 80, Events: 1}); len(page.Entries) != 0 {
		t.Errorf("got %+v behind the top, want nothing", page)
	}
}

func eventWithAKeyThatWasThereIsRepeated(t *testing.T, url string) {
	e, _ := connect(t, url)
	add(t, e, "price", "before")
	once := func() *broker.Append {
		a := &broker.Append{Policy: keepAll, Type: "price", Key: "k 1", Data: message("once")}
		e.Append(within(t), []*broker.Append{a})
		if a.Err != nil {
			t.Fatal(a.Err)
		}
		return a
	}
	first := once()
	add(t, e, "price", "after")
	if again := once(); first.Repeated || !again.Repeated || again.Position != first.Position {
		t.Errorf("got %+v, want the position of %+v", again, first)
	}
	if got := top(t, e, "price"); got.Offset != 3 {
		t.Errorf("got top %v, want 3", got)
	}
}

func TestWhatExceedsABoundIsTrimmed(t *testing.T) {
	e, _ := connect(t, engines.Redis(t, engines.RedisOptions{}).URL)
	for name, c := range map[string]struct {
		history stream.History
		first   uint64
	}{
		"events":     {stream.History{Events: 3}, 18},
		"bytes":      {stream.History{Bytes: 5 * (broker.HeaderBytes + 6)}, 16},
		"everything": {stream.History{Bytes: 1}, 21},
	} {
		t.Run(name, func(t *testing.T) {
			policy := &stream.Policy{History: c.history}
			var events []*broker.Append
			for i := range 20 {
				events = append(events, &broker.Append{Policy: policy, Type: name, Data: message(fmt.Sprintf("%06d", i))})
			}
			e.Append(within(t), events)
			page := read(t, e, broker.Query{Policy: policy, Type: name, Events: 100})
			if page.First != c.first || page.Top != 20 || len(page.Entries) != int(21-c.first) {
				t.Errorf("got %d from %d to %d, want %d to 20", len(page.Entries), page.First, page.Top, c.first)
			}
		})
	}
}

func TestEventsThatAreTooOldAreNotRead(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{})
	e, _ := connect(t, server.URL)
	add(t, e, "price", "1")
	row := e.names.keys("price").row
	server.Do("eval", "redis.call('DEL', KEYS[1]) for i = 1, 3 do redis.call('XADD', KEYS[1], i .. '-0', 'a', redis.call('TIME')[1] * 1000 - (3 - i) * 1800000, 'd', i) end "+
		"redis.call('HSET', KEYS[2], 't', '3', 'b', '3')", "2", row, e.names.keys("price").meta)
	for age, first := range map[time.Duration]uint64{0: 1, 100 * time.Minute: 1, 45 * time.Minute: 2, 15 * time.Minute: 3} {
		server.Do("copy", row, "backup", "replace")
		policy := &stream.Policy{History: stream.History{Events: 10, Age: age}}
		if page := read(t, e, broker.Query{Policy: policy, Type: "price", Events: 10}); page.First != first || len(page.Entries) != int(4-first) {
			t.Errorf("got %d from %d on with the age %v, want those from %d on", len(page.Entries), page.First, age, first)
		}
		server.Do("copy", "backup", row, "replace")
	}
}

func newestOfEachIDSurvives(t *testing.T, url string) {
	e, _ := connect(t, url)
	policy := &stream.Policy{History: stream.History{Events: 2, LatestPerID: true}}
	var events []*broker.Append
	for _, id := range []string{"a", "b", "a", "", "c", "d", "b"} {
		events = append(events, &broker.Append{Policy: policy, Type: "price", ID: id, Data: message(id + "!")})
	}
	e.Append(within(t), events)
	survivors := read(t, e, broker.Query{Policy: policy, Type: "price", Events: 10, Survivors: true})
	if got := bodies(t, survivors); !slices.Equal(got, []string{"a!", "!", "c!"}) || survivors.First != 6 || survivors.Entries[0].Offset != 3 {
		t.Errorf("got %q ahead of %d, want those of a, of no id, and of c ahead of 6", got, survivors.First)
	}
	if got := bodies(t, read(t, e, broker.Query{Policy: policy, Type: "price", After: 3, Events: 1, Survivors: true})); !slices.Equal(got, []string{"!"}) {
		t.Errorf("got %q behind 3, want the next one", got)
	}
	if got := bodies(t, read(t, e, broker.Query{Policy: policy, Type: "price", Events: 10})); !slices.Equal(got, []string{"d!", "b!"}) {
		t.Errorf("got %q, want the last two", got)
	}
}

func TestPageOfLongEventsIsBounded(t *testing.T) {
	e, _ := connect(t, engines.Redis(t, engines.RedisOptions{}).URL)
	long := strings.Repeat("x", 1<<20)
	for range 8 {
		add(t, e, "long", long)
	}
	for after := uint64(0); after < 8; {
		page := read(t, e, broker.Query{Type: "long", After: after, Events: 1000})
		if len(page.Entries) == 0 || len(page.Entries) > 4 {
			t.Fatalf("got %d events behind %d, want 1 to 4", len(page.Entries), after)
		}
		after = page.Entries[len(page.Entries)-1].Offset
	}
}

func TestMessageThatIsTooLongIsRefusedAndOthersPass(t *testing.T) {
	server := engines.Redis(t, engines.RedisOptions{Settings: []string{"proto-max-bulk-len 1mb"}})
	e, _ := connect(t, server.URL)
	events := []*broker.Append{
		{Policy: keepAll, Type: "price", Data: make([]byte, 1<<20)}, {Policy: keepAll, Type: "price", Data: message("short")},
	}
	e.Append(within(t), events)
	if !errors.Is(events[0].Err, broker.ErrTooLong) || events[1].Err != nil {
		t.Errorf("got %v and %v, want ErrTooLong of the first alone", events[0].Err, events[1].Err)
	}
	err := e.Publish(within(t), []broker.Message{{Key: broker.Key{Type: "price"}, Data: make([]byte, 1<<20)}})
	if !errors.Is(err, broker.ErrTooLong) {
		t.Errorf("got %v, want ErrTooLong", err)
	}
}
