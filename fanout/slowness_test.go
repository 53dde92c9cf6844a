package fanout

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/wsframe"
)

func TestLikelyCauseOfSlowness(t *testing.T) {
	const limit = 1 << 20
	open := Path{RTT: 20 * time.Millisecond, MinRTT: 20 * time.Millisecond, SegmentSize: 1448, PeerWindow: 1 << 20, InFlight: 14480, NotSent: 9000}
	shut, full, lost, empty := open, open, open, open
	shut.PeerWindow, shut.InFlight = 600, 0
	full.PeerWindow, full.InFlight, full.RTT = 65536, 65000, time.Second
	lost.Retransmits = 4
	empty.InFlight, empty.NotSent = 0, 0
	for name, c := range map[string]struct {
		w    Slowness
		want SlowCause
	}{
		"is the network's if the window is open":                        {Slowness{Blocked: time.Second, Path: &open}, SlowNetwork},
		"is unknown in the first moments, though":                       {Slowness{Path: &open}, SlowUnknown},
		"is the network's even then if segments were lost":              {Slowness{Path: &lost}, SlowNetwork},
		"is the reader's if its window is shut":                         {Slowness{Path: &shut}, SlowReader},
		"is the network's if a full window waits in a long queue":       {Slowness{Blocked: time.Second, Path: &full}, SlowNetwork},
		"is unknown if the kernel has nothing to send":                  {Slowness{Blocked: time.Second, Path: &empty}, SlowUnknown},
		"is unknown if the kernel tells nothing":                        {Slowness{Blocked: time.Second}, SlowUnknown},
		"is that of a message of more than half of the limit":           {Slowness{Largest: limit/2 + 1, Path: &shut}, SlowLargeMessage},
		"is not that of a message of half of the limit":                 {Slowness{Largest: limit / 2, Path: &shut}, SlowReader},
		"is the reader's if it has not taken a large message for long":  {Slowness{Largest: limit, Blocked: 5 * time.Second, Path: &shut}, SlowReader},
		"is that of a large message even then if nothing else is known": {Slowness{Largest: limit, Blocked: 5 * time.Second}, SlowLargeMessage},
	} {
		c.w.Limit = limit
		if got := c.w.likely(); got != c.want {
			t.Errorf("it %s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestNamesInAFrame(t *testing.T) {
	sealed := func(e event.Event) []byte { return wsframe.AppendFrame(nil, wsframe.Text, event.Append(nil, e)) }
	long := []byte(`"` + strings.Repeat("x", 100<<10) + `"`)
	for name, c := range map[string]struct {
		view []byte
		want string
	}{
		"are a type":                        {sealed(event.Event{Type: "price"}), "price"},
		"are a type and an id":              {sealed(event.Event{Type: "price", ID: "EUR:USD"}), "price:EUR:USD"},
		"are found ahead of a long payload": {sealed(event.Event{Type: "price", ID: "1", Payload: long}), "price:1"},
		"may have escapes":                  {sealed(event.Event{Type: `a"b`, ID: `c\`}), `a"b:c\`},
		"are none in a ping":                {wsframe.AppendFrame(nil, wsframe.Ping, []byte(`{"type":"price"`)), ""},
		"are none in an answer of HTTP":     {[]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"), ""},
		"are none in a broken frame":        {[]byte{0x81, 127, 0, 0}, ""},
		"are none in another envelope":      {wsframe.AppendFrame(nil, wsframe.Text, []byte(`{"id":"1","type":"t"}`)), ""},
		"are none where a quote lacks":      {wsframe.AppendFrame(nil, wsframe.Text, []byte(`{"type":"t`)), ""},
	} {
		var q topicLoads
		q.add(c.view)
		got := ""
		for _, load := range q.take() {
			got = load.Topic
			if load.Frames != 1 || load.Bytes != len(c.view) {
				t.Errorf("names %s: got %+v, want one frame of %d bytes", name, load, len(c.view))
			}
		}
		if got != c.want {
			t.Errorf("names %s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestTopicLoadsAreTheLargestOfABoundedNumber(t *testing.T) {
	var q topicLoads
	for i := range 2 * mostKnownLoads {
		q.add(wsframe.AppendFrame(nil, wsframe.Text, event.Append(nil, event.Event{Type: fmt.Sprint("t", i), Payload: []byte(strings.Repeat("1", 1+i%7))})))
	}
	if len(q.byName) != mostKnownLoads {
		t.Errorf("got %d topics told apart, want %d", len(q.byName), mostKnownLoads)
	}
	loads := q.take()
	if len(loads) != mostTopicLoads || len(q.byName) != 0 {
		t.Fatalf("got %d topics and %d left, want %d and none", len(loads), len(q.byName), mostTopicLoads)
	}
	for i := 1; i < len(loads); i++ {
		if loads[i].Bytes > loads[i-1].Bytes {
			t.Errorf("got %+v, want the largest first", loads)
		}
	}
}

func TestClosedSlowAreTheLastOnesFirst(t *testing.T) {
	var h Hub
	for i := range uint64(keptClosedSlow + 10) {
		h.slow.add(SlowSpoke{ID: i})
		if got := h.ClosedSlow(); got[0].ID != i || len(got) != min(int(i)+1, keptClosedSlow) || got[len(got)-1].ID != i+1-uint64(len(got)) {
			t.Fatalf("got %d from %d on behind %d, want the last ones, the newest first", len(got), got[0].ID, i)
		}
	}
}
