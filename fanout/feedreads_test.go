package fanout_test

import (
	"context"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

func TestPromise13SpokesThatComeBackToOnePositionShareOneRead(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		const spokes, events = 40, 1000
		cfg := keeping(engine, stream.History{Events: events}, stream.Close)
		cfg.Reactors = 1
		h := newTestHub(t, cfg)
		store := fanout.WatchStore(h.hub)
		other, _ := h.join()
		epoch := other.follow("price").Position.Epoch
		other.unsubscribe("price")
		for i := 1; i <= events; i++ {
			h.hub.DispatchEvent(wide(i))
		}
		var clients []*client
		var back []*fanout.Spoke
		for range spokes {
			c, s := h.join()
			clients, back = append(clients, c), append(back, s)
		}
		var reads int64
		fanout.OnLoop(back[0], func() {
			for _, s := range back {
				fanout.Resume(s, "price", event.Since{Is: event.SincePosition, Epoch: []byte(epoch)})
			}
			fanout.Feed(back[0])
			reads = store.Reads.Load()
		})
		if reads == 0 || reads > 4 {
			t.Errorf("got %d reads to feed %d spokes at the same position, want one for each of few pieces", reads, spokes)
		}
		for _, c := range clients {
			reader := sequenceReader{client: c, next: 1}
			reader.readTo(events)
			expect(t, "gaps", len(reader.gaps), 0)
		}
	})
}

func TestPromise13SpokesThatComeBackToPositionsSideBySideEachGoOnAtTheirOwn(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		const spokes, events = 40, 100
		cfg := keeping(engine, stream.History{Events: events}, stream.Close)
		cfg.Reactors = 1
		h := newTestHub(t, cfg)
		other, _ := h.join()
		epoch := other.follow("price").Position.Epoch
		other.unsubscribe("price")
		h.publishPrices(1, events)
		var clients []*client
		var back []*fanout.Spoke
		for range spokes {
			c, s := h.join()
			clients, back = append(clients, c), append(back, s)
		}
		fanout.OnLoop(back[0], func() {
			for i, s := range back {
				fanout.Resume(s, "price", event.Since{Is: event.SincePosition, Epoch: []byte(epoch), Offset: uint64(i)})
			}
			fanout.Feed(back[0])
		})
		for i, c := range clients {
			reader := sequenceReader{client: c, next: uint64(i) + 1}
			reader.readTo(events)
			expect(t, "gaps", len(reader.gaps), 0)
		}
	})
}

func TestPromise13AStoreThatCanNotBeReadIsReadAgainInAWhile(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, keeping(engine, stream.History{Events: 100}, stream.Close))
		store := fanout.WatchStore(h.hub)
		c, _ := h.join()
		epoch := c.follow("price").Position.Epoch
		c.unsubscribe("price")
		h.publishPrices(1, 3)
		store.Fails.Store(true)
		began := time.Now()
		expect(t, "result", c.resume("price", event.Position{Epoch: epoch}).Result, event.Resumed)
		until(t, "the store has been asked again", func() bool { return store.Reads.Load() >= 3 })
		if reads, most := store.Reads.Load(), int64(time.Since(began)/(100*time.Millisecond))+2; reads > most {
			t.Errorf("got %d reads of a store that can't be read within %v, want %d at most", reads, time.Since(began), most)
		}
		c.sync()
		store.Fails.Store(false)
		h.publishPrices(4, 4)
		c.wants(kept(1, 1), kept(2, 2), kept(3, 3), kept(4, 4))
	})
}

func TestPromise13ADrainTellsWhoLagsToComeBack(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, slowConfig(engine, stream.History{Events: 1 << 16, Bytes: 1 << 30}, stream.CatchUp))
		c, _ := h.join()
		c.follow("price")
		sent := lagging(h)
		done := drain(h, context.Background())
		messages, code, _ := c.closing()
		expect(t, "code", code, 1012)
		for i, message := range messages {
			e, err := event.Parse([]byte(message))
			if err != nil || e.Offset != uint64(i+1) {
				t.Fatalf("got %.80q as event %d, want offset %d", message, i, i+1)
			}
		}
		c.conn.Close()
		if err := receive(t, done, "the end of Shutdown"); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		st := h.hub.Stats()
		expect(t, "delivered", st.Delivered, uint64(len(messages)))
		expect(t, "dropped with the connection", st.DroppedClosed, uint64(sent-len(messages)))
	})
}
