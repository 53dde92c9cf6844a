package fanout_test

import (
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestReactorsStandSideBySide(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 3, CloseTimeout: 200 * time.Millisecond})
		for range 6 {
			c, _ := h.join()
			c.subscribe("t")
		}
		for range 10 {
			h.hub.DispatchEvent(event.Event{Type: "t"})
		}
		until(t, "all is delivered", func() bool { return h.hub.Stats().Delivered == 60 })
		all, stats := h.hub.Reactors(), h.hub.Stats()
		expect(t, "reactors", len(all), 3)
		var sum fanout.ReactorStats
		for i, r := range all {
			if r.Connections != 2 || r.Delivered != 20 || r.Turns == 0 || r.Busy <= 0 || r.Busy > r.Up || r.LongestTurn <= 0 || r.LongestTurn > r.Busy {
				t.Errorf("reactor %d: got %+v, want two connections that have got 20 events, within the time that it was busy", i, r)
			}
			sum.Sends += r.Sends
			sum.Delivered += r.Delivered
		}
		if sum.Delivered != stats.Delivered || sum.Sends > stats.Sends {
			t.Errorf("got %d delivered by %d sends on all reactors, want %d by no more than %d", sum.Delivered, sum.Sends, stats.Delivered, stats.Sends)
		}
		h.shutdown()
		expect(t, "reactors after Shutdown", len(h.hub.Reactors()), 0)
	})
}

func TestReactorsShowWhoIsBlocked(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, fanout.Config{SendBuffer: 8 << 10, QueueLimit: 4 << 20})
	c, _ := h.join()
	c.subscribe("filler")
	until(t, "the socket is full", func() bool {
		h.hub.DispatchEvent(filler)
		return h.hub.Stats().Blocked == 1
	})
	blocked, queued := uint64(0), uint64(0)
	for _, r := range h.hub.Reactors() {
		blocked += r.Blocked
		queued += r.QueuedBytes
	}
	if blocked != 1 || queued == 0 {
		t.Errorf("got %d blocked with %d bytes, want one", blocked, queued)
	}
}
