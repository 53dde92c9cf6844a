package fanout_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// offsetsOf are the offsets of events.
func offsetsOf(events []event.Event) string {
	text := ""
	for _, e := range events {
		text += fmt.Sprintf("%s%d ", e.ID, e.Offset)
	}
	return text
}

func TestHistory(t *testing.T) {
	h := newTestHub(t, fanout.Config{Policies: []stream.Policy{
		{Match: "latest", History: stream.History{Events: 3, LatestPerID: true}},
		{Match: "cursor", Behind: stream.Skip},
		{Match: "*", History: stream.History{Events: 6}},
	}})
	for i := range 9 {
		for _, typ := range []string{"price", "latest", "cursor"} {
			h.hub.DispatchEvent(event.Event{Type: typ, ID: string(rune('a' + i%4)), Payload: []byte("1")})
		}
	}
	epoch := ""
	if past, err := h.hub.History("price", event.Position{}, 1); err == nil {
		epoch = past.Position.Epoch
	}
	at := func(offset uint64) event.Position { return event.Position{Epoch: epoch, Offset: offset} }
	for name, c := range map[string]struct {
		topic  string
		since  event.Position
		limit  int
		result event.Result
		missed int64
		from   uint64
		to     uint64
		events string
		next   uint64
	}{
		"of all that is kept":          {"price", event.Position{}, 10, event.Resumed, 0, 1, 3, "d4 a5 b6 c7 d8 a9 ", 9},
		"of some":                      {"price", event.Position{}, 2, event.Resumed, 0, 1, 3, "d4 a5 ", 5},
		"goes on":                      {"price", at(5), 2, event.Resumed, 0, 0, 0, "b6 c7 ", 7},
		"comes to the end":             {"price", at(7), 2, event.Resumed, 0, 0, 0, "d8 a9 ", 9},
		"at the end":                   {"price", at(9), 2, event.Resumed, 0, 0, 0, "", 9},
		"with a gap":                   {"price", at(1), 2, event.Gapped, 2, 2, 3, "d4 a5 ", 5},
		"from the beginning":           {"price", at(0), 10, event.Gapped, 3, 1, 3, "d4 a5 b6 c7 d8 a9 ", 9},
		"ahead of the stream":          {"price", at(10), 2, event.Fresh, 0, 0, 0, "", 9},
		"of another epoch":             {"price", event.Position{Epoch: "other", Offset: 5}, 2, event.Fresh, 0, 0, 0, "", 9},
		"of an id":                     {"price:a", event.Position{}, 10, event.Resumed, 0, 1, 3, "a5 a9 ", 9},
		"of an id in parts":            {"price:a", at(3), 1, event.Resumed, 0, 0, 0, "a5 ", 5},
		"of an id that is not there":   {"price:x", at(3), 1, event.Resumed, 0, 0, 0, "", 9},
		"of a type that has no events": {"none", event.Position{}, 5, event.Resumed, 0, 0, 0, "", 0},
		"of the newest of each id":     {"latest", at(0), 10, event.Gapped, 5, 1, 6, "b6 c7 d8 a9 ", 9},
		"of a part of those":           {"latest", at(0), 1, event.Gapped, 5, 1, 6, "b6 ", 6},
		"of none":                      {"price", at(5), 0, event.Resumed, 0, 0, 0, "", 5},
	} {
		t.Run(name, func(t *testing.T) {
			past, err := h.hub.History(c.topic, c.since, c.limit)
			if err != nil {
				t.Fatal(err)
			}
			if past.Topic != c.topic || past.Result != c.result || past.Missed != c.missed || past.From != c.from || past.To != c.to {
				t.Errorf("got %+v, want %s with %d missed from %d to %d", past, c.result, c.missed, c.from, c.to)
			}
			if got := offsetsOf(past.Events); got != c.events || past.Next != at(c.next) {
				t.Errorf("got %s and then %v, want %s and %v", got, past.Next, c.events, at(c.next))
			}
		})
	}
	if _, err := h.hub.History("cursor", event.Position{}, 1); !errors.Is(err, fanout.ErrNoStream) {
		t.Errorf("got %v for a type without history, want ErrNoStream", err)
	}
	var fault event.Fault
	if _, err := h.hub.History("a:b:", event.Position{}, 1); err != nil {
		t.Errorf("got %v for an id with a colon, want none", err)
	}
	if _, err := h.hub.History("price:", event.Position{}, 1); !errors.As(err, &fault) {
		t.Errorf("got %v for a topic that is none, want a fault", err)
	}
}

func TestHistoryGoesOnPastAPage(t *testing.T) {
	h := newTestHub(t, fanout.Config{Policies: []stream.Policy{{Match: "price", History: stream.History{Events: 1000}}}})
	for i := range 700 {
		h.hub.DispatchEvent(event.Event{Type: "price", ID: string(rune('a' + i%2)), Payload: []byte("1")})
	}
	past, err := h.hub.History("price:b", event.Position{}, 1000)
	if err != nil || len(past.Events) != 350 || past.Events[349].Offset != 700 || past.Next != past.Position {
		t.Errorf("got %d events, then %v of %v and %v, want 350 and the end", len(past.Events), past.Next, past.Position, err)
	}
	past, err = h.hub.History("price", past.Position, 10)
	if err != nil || len(past.Events) != 0 {
		t.Errorf("got %d events behind the end and %v, want none", len(past.Events), err)
	}
}
