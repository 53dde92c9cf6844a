package fanout_test

import (
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

const smallQueue = 256 << 10

// overflowing returns a hub with small queues and what its OnBackpressure is told.
func overflowing(t *testing.T, cfg fanout.Config) (*testHub, <-chan fanout.Backpressure) {
	t.Helper()
	told := make(chan fanout.Backpressure, 10)
	cfg.QueueLimit, cfg.SendBuffer = smallQueue, 16<<10
	cfg.OnBackpressure = func(_ *fanout.Spoke, info fanout.Backpressure) { told <- info }
	return newTestHub(t, cfg), told
}

func TestPromise8OverTheThresholdTheSpokeIsClosedWith1013(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h, told := overflowing(t, fanout.Config{Engine: engine})
		slow, spoke := h.join()
		slow.subscribe("filler")
		healthy, _ := h.join()
		healthy.subscribe("news")
		stall(t, spoke)
		for len(told) == 0 && h.hub.DispatchEvent(filler) && spoke.BufferedAmount() <= smallQueue {
			continue
		}
		info := receive(t, told, "OnBackpressure")
		size := len(clientFrame(fin|opText, envelope("filler", "", string(filler.Payload)))) - 4
		expect(t, "limit told", info.Limit, smallQueue)
		expect(t, "frame told", info.Frame, size)
		if info.Queued > smallQueue || info.Queued+info.Frame <= smallQueue {
			t.Errorf("got %d bytes queued and a frame of %d, want their sum to be just over %d", info.Queued, info.Frame, smallQueue)
		}
		h.hub.DispatchEvent(event.Event{Type: "news"})
		healthy.wants(envelope("news", "", "null"))
		messages, reason := slow.closedWith(1013)
		for _, m := range messages {
			expect(t, "a message before the close", m, envelope("filler", "", string(filler.Payload)))
		}
		retryHint(t, reason)
		slow.conn.Close()
		end := receive(t, h.gone, "OnDisconnection")
		expect(t, "cause", end.cause.Kind, fanout.CauseBackpressure)
		expect(t, "code", end.cause.Code, 1013)
		expect(t, "calls of OnBackpressure", len(told), 0)
		st := h.hub.Stats()
		expect(t, "spokes refused", st.Backpressure, 1)
		expect(t, "delivered to the slow", st.Delivered, uint64(len(messages)+1))
		if st.DroppedBackpressure == 0 {
			t.Error("got no event dropped for backpressure, want some")
		}
		h.checkLedger(st)
		healthy.sync()
	})
}

func TestPromise8TheThresholdItselfIsNotOver(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h, told := overflowing(t, fanout.Config{Engine: engine})
		c, spoke := h.join()
		c.sync()
		exact := smallQueue - len(envelope("t", "", `""`)) - 10
		spoke.DispatchEvent(event.Event{Type: "t", Payload: []byte(`"` + strings.Repeat("x", exact) + `"`)})
		if got := c.message(); len(got) != smallQueue-10 {
			t.Errorf("got a message of %d bytes, want %d: a frame of just the threshold", len(got), smallQueue-10)
		}
		expect(t, "calls of OnBackpressure", len(told), 0)
	})
}

func TestPromise8ASingleFrameLargerThanTheThresholdIsRefused(t *testing.T) {
	eachEntry(t, func(fanout.Engine) fanout.Config { return fanout.Config{QueueLimit: smallQueue} }, func(t *testing.T, h *testHub, c *client) {
		c.subscribe("big")
		h.hub.DispatchEvent(event.Event{Type: "big", Payload: []byte(`"` + strings.Repeat("x", smallQueue) + `"`)})
		messages, code, _ := c.closing()
		expect(t, "code", code, 1013)
		expect(t, "messages", len(messages), 0)
		c.conn.Close()
		expect(t, "cause", receive(t, h.gone, "OnDisconnection").cause.Kind, fanout.CauseBackpressure)
		expect(t, "dropped", h.hub.Stats().DroppedBackpressure, 1)
	})
}

func TestPromise8OnBackpressureIsCalledOnceBeforeTheClose(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		proceed, order := make(chan struct{}), make(chan string, 10)
		h := newTestHub(t, fanout.Config{Engine: engine, QueueLimit: 1 << 10,
			OnBackpressure: func(*fanout.Spoke, fanout.Backpressure) {
				order <- "backpressure"
				<-proceed
				order <- "close"
			},
		})
		c, spoke := h.join()
		big := event.Event{Type: "t", Payload: []byte(`"` + strings.Repeat("x", 1<<10) + `"`)}
		for range 3 {
			spoke.DispatchEvent(big)
		}
		expect(t, "first", receive(t, order, "OnBackpressure"), "backpressure")
		expect(t, "closes sent meanwhile", h.hub.Stats().Closes[1013], 0)
		expect(t, "disconnects meanwhile", len(h.gone), 0)
		close(proceed)
		c.closedWith(1013)
		expect(t, "second", receive(t, order, "the end of OnBackpressure"), "close")
		receive(t, h.gone, "OnDisconnection")
		expect(t, "more calls", len(order), 0)
	})
}

func TestPromise8APeerThatNeverReadsIsCutOff(t *testing.T) {
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		h, told := overflowing(t, fanout.Config{Engine: engine, CloseTimeout: 300 * time.Millisecond})
		c, spoke := h.join()
		stall(t, spoke)
		for len(told) == 0 && spoke.DispatchEvent(filler) {
			continue
		}
		receive(t, h.gone, "OnDisconnection")
		until(t, "the socket is closed", func() bool { return h.hub.Stats().Connections == 0 })
		c.cutOff()
		if st := h.hub.Stats(); st.Queued != 0 {
			t.Errorf("got %d events queued after the cut, want none", st.Queued)
		}
	})
}

func TestPromise8OneStalledSpokeCostsTheOthersNothing(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h, told := overflowing(t, fanout.Config{Engine: engine, Reactors: 1})
		slow, stalled := h.join()
		slow.subscribe("filler")
		healthy, _ := h.join()
		healthy.subscribe("filler")
		stall(t, stalled)
		for len(told) == 0 {
			h.hub.DispatchEvent(filler)
			healthy.wants(envelope("filler", "", string(filler.Payload)))
		}
		receive(t, told, "OnBackpressure of the stalled")
		expect(t, "spokes refused", h.hub.Stats().Backpressure, 1)
	})
}

func TestMemoryBudgetEndsTheWorstFirst(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		told := make(chan *fanout.Spoke, 10)
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, MemoryBudget: 1 << 20, QueueLimit: 64 << 20, SendBuffer: 16 << 10,
			OnBackpressure: func(s *fanout.Spoke, info fanout.Backpressure) {
				expect(t, "budget", info.Budget, true)
				told <- s
			},
		})
		slow, worst := h.join()
		other, lesser := h.join()
		fill(t, other, lesser, 64<<10)
		for len(told) == 0 && worst.BufferedAmount() < 4<<20 {
			worst.DispatchEvent(filler)
		}
		expect(t, "first to go", receive(t, told, "OnBackpressure"), worst)
		_, reason := slow.closedWith(1013)
		retryHint(t, reason)
		slow.conn.Close()
		expect(t, "cause", receive(t, h.gone, "OnDisconnection").cause.Kind, fanout.CauseBudget)
		expect(t, "others told", len(told), 0)
		st := h.hub.Stats()
		if st.DroppedBudget == 0 {
			t.Error("got no event dropped for the budget, want some")
		}
		h.checkLedger(st)
	})
}

func TestMemoryBudgetCountsSharedFramesOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, MemoryBudget: 4 << 20, QueueLimit: 64 << 20, SendBuffer: 16 << 10})
		const spokes = 20
		for range spokes {
			c, spoke := h.join()
			c.subscribe("shared")
			fillWithin(t, 64<<10, c, spoke, 1)
		}
		payload := []byte(`"` + strings.Repeat("s", 512<<10) + `"`)
		h.hub.DispatchEvent(event.Event{Type: "shared", Payload: payload})
		st := h.hub.Stats()
		expect(t, "refused", st.Backpressure, 0)
		if st.Queued < spokes || st.QueuedBytes > 4<<20 {
			t.Errorf("got %d queued that hold %d bytes, want %d to share what they hold", st.Queued, st.QueuedBytes, spokes)
		}
	})
}
