package fanout_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// sequenceReader reads the events of one stream and says what of it came.
type sequenceReader struct {
	*client
	next   uint64
	events int
	gaps   []event.Gap
	latest map[string]uint64
	// others are the events of other types, by type.
	others map[string]int
}

// readTo reads up to the event with an offset. Each has to have the next one, but for what a gap has told.
func (r *sequenceReader) readTo(last uint64) {
	r.t.Helper()
	for r.next <= last {
		message := r.message()
		if strings.Contains(message, `"__gap"`) {
			gap, err := event.ParseGap([]byte(message))
			if err != nil {
				r.t.Fatalf("got %s: %v", message, err)
			}
			r.gaps = append(r.gaps, gap)
			if gap.Reason == event.GapTrimmed {
				expect(r.t, "the beginning of a gap", gap.From, r.next)
				expect(r.t, "what a gap says is missing", gap.Missed, int64(gap.To-gap.From+1))
				r.next = gap.To + 1
			}
			continue
		}
		var e struct {
			Type   string
			ID     string
			Offset uint64
		}
		if err := json.Unmarshal([]byte(message), &e); err != nil {
			r.t.Fatalf("got %.200s: %v", message, err)
		}
		if e.Type != "price" {
			r.others[e.Type]++
			continue
		}
		if e.Offset < r.next || e.Offset > r.next && r.latest == nil {
			r.t.Fatalf("got offset %d, want %d", e.Offset, r.next)
		}
		r.next = e.Offset + 1
		r.events++
		if r.latest != nil {
			r.latest[e.ID] = e.Offset
		}
	}
}

func wide(i int) event.Event {
	return event.Event{Type: "price", ID: strconv.Itoa(i % 7), Payload: []byte(`"` + strings.Repeat("x", 1000) + `"`)}
}

// moreThanSocketsHold is how many wide events no socket of a test has room for.
const moreThanSocketsHold = 1024

// lagging makes a spoke that does not read fall behind, so that it does not catch up before it reads, and returns how many events have been sent.
func lagging(h *testHub) (events int) {
	h.t.Helper()
	return fallBehind(h, func(i int) { h.hub.DispatchEvent(wide(i)) })
}

func fallBehind(h *testHub, send func(i int)) (events int) {
	h.t.Helper()
	for left := moreThanSocketsHold; left > 0; left-- {
		events++
		send(events)
		if h.hub.Stats().Lagging == 0 {
			left = moreThanSocketsHold
		}
		if events > 1<<16 {
			h.t.Fatal("the spoke does not fall behind")
		}
	}
	return events
}

func slowConfig(engine fanout.Engine, history stream.History, behind stream.Behind) fanout.Config {
	cfg := keeping(engine, history, behind)
	cfg.QueueLimit, cfg.SendBuffer = smallQueue, 16<<10
	return cfg
}

func TestPromise14CatchUpSendsWhatASlowSpokeHasMissed(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, e fanout.Engine) {
		h := newTestHub(t, slowConfig(e, stream.History{Events: 1 << 16, Bytes: 1 << 30}, stream.CatchUp))
		c, _ := h.join()
		c.follow("price")
		healthy, _ := h.join()
		healthy.follow("price")
		fast := sequenceReader{client: healthy, next: 1}
		done := make(chan struct{})
		sent := 0
		go func() {
			defer close(done)
			fast.readTo(uint64(4096))
		}()
		sent = lagging(h)
		for ; sent < 4096; sent++ {
			h.hub.DispatchEvent(wide(sent + 1))
		}
		<-done
		expect(t, "gaps of the healthy spoke", len(fast.gaps), 0)
		slow := sequenceReader{client: c, next: 1}
		slow.readTo(uint64(sent))
		expect(t, "gaps", len(slow.gaps), 0)
		until(t, "the spoke gets everything live again", func() bool { return h.hub.Stats().Lagging == 0 })
		h.hub.DispatchEvent(wide(0))
		slow.readTo(uint64(sent) + 1)
		fast.readTo(uint64(sent) + 1)
		expect(t, "closed", h.hub.Stats().Backpressure, 0)
		h.checkLedger(h.hub.Stats())
	})
}

func TestPromise14WhatWasTrimmedMeanwhileIsAGapInItsPlace(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(e fanout.Engine) fanout.Config { return slowConfig(e, stream.History{Events: 50}, stream.CatchUp) }, func(t *testing.T, h *testHub, c *client) {
		c.follow("price")
		sent := lagging(h)
		for range 1000 {
			sent++
			h.hub.DispatchEvent(wide(sent))
		}
		slow := sequenceReader{client: c, next: 1}
		slow.readTo(uint64(sent))
		if len(slow.gaps) == 0 {
			t.Error("got no gap, want one at least")
		}
		until(t, "the spoke gets everything live again", func() bool { return h.hub.Stats().Lagging == 0 })
		st := h.hub.Stats()
		expect(t, "trimmed", st.DroppedTrimmed, uint64(sent-slow.events))
		expect(t, "delivered", st.Delivered, uint64(slow.events))
		h.checkLedger(st)
	})
}

func TestPromise14LatestSendsTheNewestOfEachID(t *testing.T) {
	eachEngine(t, func(t *testing.T, e fanout.Engine) {
		h := newTestHub(t, slowConfig(e, stream.History{Events: 1 << 16, Bytes: 1 << 30}, stream.Latest))
		c, _ := h.join()
		c.follow("price")
		sent := lagging(h)
		for range 3000 {
			sent++
			h.hub.DispatchEvent(wide(sent))
		}
		slow := sequenceReader{client: c, next: 1, latest: map[string]uint64{}}
		slow.readTo(uint64(sent))
		for id := range 7 {
			last := uint64(sent - (sent-id)%7)
			expect(t, "the newest of "+strconv.Itoa(id), slow.latest[strconv.Itoa(id)], last)
		}
		missed := 0
		for _, gap := range slow.gaps {
			missed += int(gap.Missed)
		}
		expect(t, "events got and told missing", slow.events+missed, sent)
		if slow.events > sent/2 {
			t.Errorf("got %d of %d events, want fewer", slow.events, sent)
		}
		until(t, "the spoke gets everything live again", func() bool { return h.hub.Stats().Lagging == 0 })
		st := h.hub.Stats()
		expect(t, "superseded", st.DroppedSuperseded, uint64(missed))
		h.checkLedger(st)
	})
}

func TestPromise14LatestTellsWhatWasTrimmedAheadOfWhatIsSuperseded(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(e fanout.Engine) fanout.Config { return slowConfig(e, stream.History{Events: 10}, stream.Latest) }, func(t *testing.T, h *testHub, c *client) {
		c.follow("price")
		sent := lagging(h)
		for range 1000 {
			sent++
			h.hub.DispatchEvent(wide(sent))
		}
		slow := sequenceReader{client: c, next: 1, latest: map[string]uint64{}}
		slow.readTo(uint64(sent))
		missed, last, reasons := slow.events, event.Gap{}, map[event.GapReason]bool{}
		for _, gap := range slow.gaps {
			if gap.From <= last.To {
				t.Errorf("got the gap %+v behind %+v, want those of older events first", gap, last)
			}
			missed, last, reasons[gap.Reason] = missed+int(gap.Missed), gap, true
		}
		expect(t, "events got and told missing", missed, sent)
		if !reasons[event.GapTrimmed] || !reasons[event.GapSlow] {
			t.Errorf("got the gaps %+v, want one of what was trimmed and one of what is superseded", slow.gaps)
		}
	})
}

func TestPromise14SkipTellsHowManyEventsAnEpisodeCost(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(e fanout.Engine) fanout.Config { return slowConfig(e, stream.History{}, stream.Skip) }, func(t *testing.T, h *testHub, c *client) {
		c.subscribe("price")
		sent := lagging(h)
		for range 500 {
			sent++
			h.hub.DispatchEvent(wide(sent))
		}
		got, missed := 0, int64(0)
		for got+int(missed) < sent {
			message := c.message()
			if !strings.Contains(message, `"__gap"`) {
				got++
				continue
			}
			gap, err := event.ParseGap([]byte(message))
			if err != nil {
				t.Fatalf("got %s: %v", message, err)
			}
			expect(t, "reason", gap.Reason, event.GapSlow)
			expect(t, "topic", gap.Topic, "price")
			expect(t, "message", strings.Contains(message, "epoch") || strings.Contains(message, "from"), false)
			missed += gap.Missed
		}
		st := h.hub.Stats()
		expect(t, "gaps, one for each episode", st.Gaps, st.Lags)
		expect(t, "skipped", st.DroppedSkipped, uint64(missed))
		h.hub.DispatchEvent(wide(0))
		c.message()
		c.sync()
		h.checkLedger(h.hub.Stats())
	})
}

func TestPromise14WhatIsNoStreamsGoesPastAStreamThatLags(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, slowConfig(engine, stream.History{Events: 1 << 16, Bytes: 1 << 30}, stream.CatchUp))
		c, spoke := h.join()
		c.follow("price")
		c.subscribe("plain")
		sent := lagging(h)
		h.hub.DispatchEvent(event.Event{Type: "plain"})
		spoke.DispatchEvent(event.Event{Type: "mine"})
		slow := sequenceReader{client: c, next: 1, others: map[string]int{}}
		slow.readTo(uint64(sent))
		expect(t, "plain events", slow.others["plain"], 1)
		expect(t, "events for it alone", slow.others["mine"], 1)
	})
}
