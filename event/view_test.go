package event

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func mustParse(t *testing.T, view *View, message string) {
	t.Helper()
	if err := view.Parse([]byte(message)); err != nil {
		t.Fatalf("Parse %q: %v", message, err)
	}
}

func TestViewI1PointsIntoTheMessage(t *testing.T) {
	message := []byte(`{"type":"ticket","id":"42","payload":{"a":1}}`)
	var view View
	if err := view.Parse(message); err != nil {
		t.Fatalf("Parse: %v", err)
	}
	copy(message, bytes.ToUpper(message))
	if string(view.Type) != "TICKET" || string(view.Payload) != `{"A":1}` {
		t.Errorf("got %q %q, want them to follow the message", view.Type, view.Payload)
	}
}

func TestViewI1KeepsTypeWhenTheScratchGrowsForTheID(t *testing.T) {
	for size := range 257 {
		var view View
		mustParse(t, &view, `{"type":"\u0061bc","id":"\u0069`+strings.Repeat("d", max(0, size-1))+`"}`)
		if string(view.Type) != "abc" || string(view.ID) != "i"+strings.Repeat("d", max(0, size-1)) {
			t.Fatalf("got %q %q", view.Type, view.ID)
		}
	}
}

func TestViewI3HoldsNothingAfterAnError(t *testing.T) {
	for _, bad := range []string{`{`, `{"type":1}`, `{"type":"t","id":1}`, `{"\n":1}`} {
		var view View
		mustParse(t, &view, `{"type":"t","id":"i","payload":{"topic":"x"},"offset":7}`)
		if err := view.Parse([]byte(bad)); err == nil {
			t.Fatalf("%q: got no error", bad)
		}
		if view.Type != nil || view.ID != nil || view.Payload != nil || view.Offset != 0 {
			t.Errorf("%q: got %q %q %q %d, want nil and 0", bad, view.Type, view.ID, view.Payload, view.Offset)
		}
		if _, err := view.Topics(nil); err != FaultTopics {
			t.Errorf("%q: Topics got %v, want %v", bad, err, FaultTopics)
		}
	}
}

func TestViewTakesOneMessageAfterAnother(t *testing.T) {
	var view View
	for _, c := range envelopeCases {
		err := view.Parse([]byte(c.message))
		if (err != nil) != (c.fault != 0) {
			t.Fatalf("%s: got %v, want %v", c.name, err, c.fault)
		}
		if err == nil && (string(view.Type) != c.typ || string(view.ID) != c.id || string(view.Payload) != c.payload) {
			t.Fatalf("%s: got %q %q %q", c.name, view.Type, view.ID, view.Payload)
		}
	}
}

func TestViewLetsALargeScratchGo(t *testing.T) {
	var view View
	mustParse(t, &view, `{"type":"__subscribe","payload":{"topics":[""`+strings.Repeat(`,"\u0061`+strings.Repeat("b", 500)+`"`, keptText/500+1)+`]}}`)
	if _, err := view.Topics(nil); err != nil {
		t.Fatalf("Topics: %v", err)
	}
	if got := view.held(); got <= keptText {
		t.Fatalf("scratch: got %d bytes, want more than %d", got, keptText)
	}
	mustParse(t, &view, `{"type":"t"}`)
	if got := view.held(); got > keptText {
		t.Errorf("scratch: got %d bytes, want %d at most", got, keptText)
	}
}

func TestViewEventOwnsItsBytes(t *testing.T) {
	message := []byte(`{"type":"order","id":"42","payload":{"a":1}}`)
	var view View
	if err := view.Parse(message); err != nil {
		t.Fatalf("Parse: %v", err)
	}
	e := view.Event()
	clear(message)
	if e.Type != "order" || e.ID != "42" || string(e.Payload) != `{"a":1}` {
		t.Errorf("got %q %q %q", e.Type, e.ID, e.Payload)
	}
}

func TestScannerI2NothingIsAllocated(t *testing.T) {
	subscribe := []byte(`{"type":"__subscribe","id":"7","payload":{"topics":["price","price:EURUSD","order:1"]}}`)
	escaped := []byte(`{"type":"\u0074","id":"\u0069","payload":{"topic":"\u0074:1"}}`)
	members := []byte(`{"t\u0079pe":"__subscribe","\ud83d":"\ude00","p\u0061yload":{"t\u006fpics":["\u0061","b"],"\u0078":1}}`)
	bad := []byte(`{"type":"t","payload":{"a":1,"a":2}}`)
	auth := []byte(`{"type":"__auth","id":"1","payload":{"x":[{}],"tok\u0065n":"\u0061lice"}}`)
	longAuth := []byte(`{"type":"__auth","id":"1","payload":{"token":"` + strings.Repeat(`\u0061`, 101) + `"}}`)
	ordinary := []byte(benchMessages[1].message)
	large := []byte(benchMessages[2].message)
	e, err := Parse(ordinary)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	var view View
	out := make([]byte, 0, 4096)
	topics := make([][]byte, 0, 16)
	offset := []byte(`{"type":"price","id":"EURUSD","payload":1.08,"offset":57}`)
	resume := []byte(`{"type":"__subscribe","id":"1","payload":{"topics":["a","b"],"since":{"\u0062":{"epoch":"x"},"a":{"epoch":"\u0078","offset":1}}}}`)
	since := make([]Since, 0, 16)
	positions := make([]byte, 0, 4096)
	users := []string{"alice", `a user whose name, with its "quotes", is long`}
	online := []Member{{users[0], 2}, {users[1], 1}}
	var failure error
	cases := []struct {
		name string
		run  func()
	}{
		{"by View.Parse of 160 bytes", func() { failure = view.Parse(ordinary) }},
		{"by View.Parse of 1024 bytes", func() { failure = view.Parse(large) }},
		{"by View.Parse of escaped type and id", func() { failure = view.Parse(escaped) }},
		{"by View.Parse of a malformed message", func() { failure = nil; _ = view.Parse(bad) }},
		{"by View.Append", func() { failure = view.Parse(ordinary); out = view.Append(out[:0]) }},
		{"by Append", func() { out = Append(out[:0], e) }},
		{"by Event.Validate", func() { failure = e.Validate() }},
		{"by View.Control and View.Topics", func() {
			if failure = view.Parse(subscribe); failure == nil && view.Control() == Subscribe {
				topics, failure = view.Topics(topics[:0])
			}
		}},
		{"by View.Topics of an escaped topic", func() {
			if failure = view.Parse(escaped); failure == nil {
				topics, failure = view.Topics(topics[:0])
			}
		}},
		{"by View.Parse, CountTopics and TopicsFrom of escaped names", func() {
			if failure = view.Parse(members); failure == nil {
				_, failure = view.CountTopics(5)
				topics, _, failure = view.TopicsFrom(topics[:0], 0, 1)
			}
		}},
		{"by View.Token of an escaped token", func() {
			if failure = view.Parse(auth); failure == nil {
				_, failure = view.Token(100)
			}
		}},
		{"by View.Token of one that is too long", func() {
			if failure = view.Parse(longAuth); failure == nil {
				if _, err := view.Token(100); err != FaultToken {
					failure = FaultTopics
				}
			}
		}},
		{"by AppendAuthAck", func() { out = AppendAuthAck(out[:0], topics[0], "alice", 1764150000) }},
		{"by View.Parse of an offset", func() {
			if failure = view.Parse(offset); view.Offset != 57 {
				failure = FaultTopics
			}
		}},
		{"by View.Since", func() {
			if failure = view.Parse(resume); failure == nil {
				topics, failure = view.Topics(topics[:0])
				if since = view.Since(since[:0], topics); !view.HasSince() || since[0].Is != SincePosition || since[1].Is != SinceMalformed {
					failure = FaultTopics
				}
			}
		}},
		{"by AppendOffset", func() { out = AppendOffset(Append(out[:0], e), MaxOffset) }},
		{"by AppendAckPosition and AppendAckPositions", func() {
			positions = AppendAckPosition(positions[:0], topics[0], Position{"x7", 57}, Gapped, -1)
			out = AppendAckPositions(AppendAck(out[:0], topics[0], topics), positions)
		}},
		{"by AppendGap", func() { out = AppendGap(out[:0], Gap{"price", "x7", 1, 2, 2, GapSlow}) }},
		{"by AppendPresenceAck", func() { out = AppendPresenceAck(out[:0], topics[0], "room:7", online, true) }},
		{"by AppendPresence", func() { out = AppendPresence(out[:0], "room:7", users, users) }},
		{"by ValidTopic", func() {
			if !ValidTopic(topics[0]) {
				failure = FaultTopics
			}
		}},
		{"by SplitTopic", func() { _, _, failure = SplitTopic("price:EURUSD") }},
		{"by AppendAck", func() { out = AppendAck(out[:0], topics[0], topics) }},
		{"by AppendReject", func() { out = AppendReject(out[:0], topics[0], topics[0], Limit) }},
	}
	for _, c := range hostileShapes {
		for _, size := range []int{64 << 10, 1 << 20} {
			message := []byte(c.make(size))
			cases = append(cases, struct {
				name string
				run  func()
			}{fmt.Sprintf("by View.Parse of %s, %d bytes", c.shape, size), func() { failure = nil; _ = view.Parse(message) }})
		}
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := testing.AllocsPerRun(10, c.run); got != 0 {
				t.Errorf("got %v allocations, want 0", got)
			}
			if failure != nil {
				t.Errorf("got %v, want no error", failure)
			}
		})
	}
}

func TestViewEventAllocatesTwiceAtMost(t *testing.T) {
	var view View
	mustParse(t, &view, benchMessages[1].message)
	var e Event
	if got := testing.AllocsPerRun(100, func() { e = view.Event() }); got > 2 {
		t.Errorf("got %v allocations, want 2 at most", got)
	}
	if e.ID != "EURUSD" {
		t.Errorf("got id %q", e.ID)
	}
}
