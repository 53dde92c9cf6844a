package fanout_test

import (
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

func TestPromise2ASpokeThatLagsIsRemovedWithWhatIsQueuedAlone(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, slowConfig(engine, stream.History{Events: 1 << 16, Bytes: 1 << 30}, stream.CatchUp))
		here, there := pair(t, "tcp")
		if _, err := h.hub.AddConnection(there); err != nil {
			t.Fatal(err)
		}
		c := newClient(t, here)
		c.follow("price")
		sent := lagging(h)
		given, err := h.hub.RemoveConnection(there)
		if err != nil {
			t.Fatal(err)
		}
		defer given.Close()
		st := h.hub.Stats()
		expect(t, "spokes that lag", st.Lagging, 0)
		expect(t, "deliveries", st.Deliveries, uint64(sent))
		h.checkLedger(st)
	})
}

func TestPromise11ATopicTakenAwayEndsItsReplay(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		plain, err := event.ParsePatterns([]string{"plain"})
		if err != nil {
			t.Fatal(err)
		}
		h := newTestHub(t, slowConfig(engine, stream.History{Events: 1 << 16, Bytes: 1 << 30}, stream.CatchUp))
		c, spoke := h.join()
		c.subscribe("plain")
		c.follow("price")
		sent := lagging(h)
		for range 2000 {
			sent++
			h.hub.DispatchEvent(wide(sent))
		}
		fanout.Become(spoke, fanout.Identity{User: "u", Permissions: &fanout.Permissions{Subscribe: plain}})
		for range 100 {
			h.hub.DispatchEvent(wide(0))
		}
		h.hub.DispatchEvent(event.Event{Type: "plain"})
		got := 0
		for message := c.message(); !strings.Contains(message, `"plain"`); message = c.message() {
			if strings.Contains(message, `"price","id":"`) {
				got++
			}
		}
		if got >= sent {
			t.Errorf("got %d events, want fewer than the %d that were sent before the topic was taken away", got, sent)
		}
		until(t, "the spoke gets everything live again", func() bool { return h.hub.Stats().Lagging == 0 })
		st := h.hub.Stats()
		expect(t, "deliveries", st.Deliveries, uint64(sent)+1)
		h.checkLedger(st)
	})
}

func TestPromise13WhatASnapshotComesAheadOfIsReplayedBehindIt(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		cfg := keeping(engine, stream.History{Events: 100}, stream.Close)
		var h *testHub
		cfg.OnSubscribed = func(_ *fanout.Spoke, _ string, send func(event.Event) bool) {
			h.publishPrices(4, 5)
			send(event.Event{Type: "snapshot"})
		}
		h = newTestHub(t, cfg)
		h.publishPrices(1, 3)
		past, err := h.hub.History("price", event.Position{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		c, _ := h.join()
		c.resume("price", event.Position{Epoch: past.Position.Epoch, Offset: 1})
		c.wants(`{"type":"snapshot","id":"","payload":null}`)
		c.wants(kept(2, 2), kept(3, 3), kept(4, 4), kept(5, 5))
	})
}

func TestPromise10WhatATopicHasHadIsNotOwedAgainWhenAnotherResumes(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		const events = 50
		cfg := keeping(engine, stream.History{Events: 1 << 10}, stream.CatchUp)
		cfg.Reactors = 1
		h := newTestHub(t, cfg)
		store := fanout.WatchStore(h.hub)
		here, there := pair(t, "tcp")
		spoke, err := h.hub.AddConnection(there)
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t, here)
		epoch := []byte(c.follow("price:a").Position.Epoch)
		dispatch := func() {
			for range events {
				h.hub.DispatchEvent(event.Event{Type: "price", ID: "a"})
			}
		}
		fanout.OnLoop(spoke, func() {
			dispatch()
			fanout.Resume(spoke, "price:b", event.Since{})
			fanout.Feed(spoke)
			fanout.Resume(spoke, "price:c", event.Since{Is: event.SincePosition, Epoch: epoch})
			fanout.Feed(spoke)
			fanout.Resume(spoke, "price:d", event.Since{Is: event.SincePosition, Epoch: epoch})
			store.Fails.Store(true)
			dispatch()
		})
		fanout.OnLoop(spoke, func() {})
		given, err := h.hub.RemoveConnection(there)
		if err != nil {
			t.Fatal(err)
		}
		defer given.Close()
		st := h.hub.Stats()
		expect(t, "deliveries", st.Deliveries, 2*events)
		expect(t, "dropped", st.DroppedClosed, events)
		h.checkLedger(st)
	})
}
