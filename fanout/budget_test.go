package fanout_test

import (
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func payloadOf(n int) []byte { return []byte(`"` + strings.Repeat("s", n) + `"`) }

func TestBudgetRefusingManyDoesNotMultiplyWhatTheyShare(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		const budget, spokes = 4 << 20, 40
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, MemoryBudget: budget, SendBuffer: 16 << 10, CloseTimeout: time.Minute})
		for range spokes {
			c, _ := h.join()
			c.subscribe("shared")
		}
		h.hub.DispatchEvent(event.Event{Type: "shared", Payload: payloadOf(900 << 10)})
		until(t, "all are blocked", func() bool { return h.hub.Stats().Blocked == spokes })
		before := h.hub.Stats()
		h.hub.DispatchEvent(event.Event{Type: "shared", Payload: payloadOf(600 << 10)})
		until(t, "all refused", func() bool { return h.hub.Stats().Backpressure == spokes })
		st := h.hub.Stats()
		if st.QueuedBytes > budget {
			t.Errorf("got %d bytes queued (%d before the refusals), want at most the budget of %d", st.QueuedBytes, before.QueuedBytes, budget)
		}
	})
}

func TestBudgetHoldsWithoutAnotherTurn(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		told := make(chan *fanout.Spoke, 10)
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, MemoryBudget: 1 << 20, QueueLimit: 64 << 20, SendBuffer: 16 << 10, PingInterval: -1,
			OnBackpressure: func(s *fanout.Spoke, info fanout.Backpressure) { told <- s }})
		c, spoke := h.join()
		c.sync()
		spoke.DispatchEvent(event.Event{Type: "big", Payload: payloadOf(8 << 20)})
		receive(t, told, "OnBackpressure: 8 MiB are queued and the budget is 1 MiB")
	})
}

func TestBudgetEndsNoMoreThanItMust(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 4, MemoryBudget: 2 << 20, QueueLimit: 64 << 20, SendBuffer: 16 << 10, CloseTimeout: time.Minute, PingInterval: -1})
		var spokes []*fanout.Spoke
		var keep []*client
		for range 32 {
			c, s := h.join()
			c.sync()
			keep = append(keep, c)
			spokes = append(spokes, s)
		}

		var same []*fanout.Spoke
		for i := 0; i < 32; i += 4 {
			same = append(same, spokes[i])
		}
		for _, s := range same {
			stall(t, s)
		}
		for i := 0; h.hub.Stats().Backpressure == 0; i++ {
			s := same[i%len(same)]
			s.DispatchEvent(event.Event{Type: "big", Payload: payloadOf(32 << 10)})
			s.BufferedAmount()
			s.BufferedAmount()
		}
		st := h.hub.Stats()
		if st.Backpressure > 1 {
			t.Errorf("got %d spokes closed with %d bytes left, want one: the budget is %d", st.Backpressure, st.QueuedBytes, 2<<20)
		}
		_ = keep
	})
}
