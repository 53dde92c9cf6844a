package fanout_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// replicate begins the replica of prices.
func (h *testHub) replicate(epoch string, offset uint64) *fanout.Replica {
	return fanout.BeginReplica(h.hub, "price", event.Position{Epoch: epoch, Offset: offset})
}

// insertPrices inserts so many prices, each numbered by its offset.
func (h *testHub) insertPrices(r *fanout.Replica, from, to int) {
	h.t.Helper()
	for i := from; i <= to; i++ {
		if offset, err := r.Insert(price(i)); err != nil || offset != uint64(i) {
			h.t.Fatalf("insert: got the offset %d and %v, want %d", offset, err, i)
		}
	}
}

func gapOf(topic, epoch string, from, to int, missed string) string {
	return fmt.Sprintf(`{"type":"__gap","id":"","payload":{"topic":%q,"epoch":%q,"from":%d,"to":%d,"missed":%s,"reason":"broker"}}`, topic, epoch, from, to, missed)
}

func plainGapOf(topic string) string {
	return fmt.Sprintf(`{"type":"__gap","id":"","payload":{"topic":%q,"missed":null,"reason":"broker"}}`, topic)
}

func TestPromise13AHoleIsToldInItsPlace(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(e fanout.Engine) fanout.Config { return keeping(e, stream.History{Events: 100}, stream.Close) }, func(t *testing.T, h *testHub, c *client) {
		r := h.replicate("x", 4)
		expect(t, "position", c.follow("price").Position, event.Position{Epoch: "x", Offset: 4})
		one, _ := h.join()
		one.follow("price:0")
		two, _ := h.join()
		two.follow("price:0")
		two.follow("price:1")
		none, _ := h.join()
		none.subscribe("other")
		h.insertPrices(r, 5, 6)
		r.Jump(event.Position{Epoch: "x", Offset: 9})
		h.insertPrices(r, 10, 12)
		r.Jump(event.Position{Epoch: "x", Offset: 14})
		c.wants(kept(5, 5), kept(6, 6), gapOf("price", "x", 7, 9, "3"), kept(10, 10), kept(11, 11), kept(12, 12), gapOf("price", "x", 13, 14, "2"))
		one.wants(kept(6, 6), gapOf("price:0", "x", 7, 9, "3"), kept(12, 12), gapOf("price:0", "x", 13, 14, "2"))
		two.wants(kept(6, 6), gapOf("price", "x", 7, 9, "3"), kept(10, 10), kept(12, 12), gapOf("price", "x", 13, 14, "2"))
		none.sync()
		expect(t, "gaps", h.hub.Stats().Gaps, 6)
	})
}

func TestPromise13AnotherEpochIsToldInItsPlace(t *testing.T) {
	eachEntry(t, func(e fanout.Engine) fanout.Config { return keeping(e, stream.History{Events: 100}, stream.Close) }, func(t *testing.T, h *testHub, c *client) {
		r := h.replicate("x", 0)
		c.follow("price")
		h.insertPrices(r, 1, 3)
		r.Jump(event.Position{Epoch: "y"})
		h.insertPrices(r, 1, 2)
		r.Jump(event.Position{Epoch: "z", Offset: 7})
		h.insertPrices(r, 8, 8)
		c.wants(kept(1, 1), kept(2, 2), kept(3, 3), gapOf("price", "y", 1, 0, "null"), kept(1, 1), kept(2, 2), gapOf("price", "z", 1, 7, "null"), kept(8, 8))
		h.checkLedger(h.hub.Stats())
		expect(t, "deliveries", h.hub.Stats().Deliveries, 6)
	})
}

func TestPromise13WhoLagsIsToldOfAnotherEpochOnce(t *testing.T) {
	eachEntry(t, func(e fanout.Engine) fanout.Config {
		cfg := slowConfig(e, stream.History{Events: 1 << 16, Bytes: 1 << 30}, stream.CatchUp)
		return cfg
	}, func(t *testing.T, h *testHub, c *client) {
		r := h.replicate("x", 0)
		c.follow("price")
		sent := fallBehind(h, func(i int) {
			if _, err := r.Insert(wide(i)); err != nil {
				t.Fatal(err)
			}
		})
		r.Jump(event.Position{Epoch: "y", Offset: 2})
		h.insertPrices(r, 3, 9)
		last := uint64(0)
		message := c.message()
		for ; message != gapOf("price", "y", 1, 2, "null"); message = c.message() {
			e, err := event.Parse([]byte(message))
			if err != nil || e.Offset != last+1 {
				t.Fatalf("got %.200s, want the event %d of the first epoch, or the gap", message, last+1)
			}
			last++
		}
		if last == 0 || last >= uint64(sent) {
			t.Errorf("got %d events of the first epoch ahead of the gap, want some and not all %d", last, sent)
		}
		for i := 3; i <= 9; i++ {
			c.wants(kept(i, i))
		}
		until(t, "the spoke gets everything live again", func() bool { return h.hub.Stats().Lagging == 0 })
		h.insertPrices(r, 10, 11)
		c.wants(kept(10, 10), kept(11, 11))
		c.sync()
		st := h.hub.Stats()
		expect(t, "gaps", st.Gaps, 1)
		expect(t, "deliveries", st.Deliveries, uint64(sent)+9)
		h.checkLedger(st)
	})
}

func TestPromise13WhoComesBackToAnotherEpochBesideALiveTopicGetsBoth(t *testing.T) {
	eachEntry(t, func(e fanout.Engine) fanout.Config { return keeping(e, stream.History{Events: 100}, stream.Close) }, func(t *testing.T, h *testHub, c *client) {
		r := h.replicate("x", 0)
		c.follow("price:0")
		h.insertPrices(r, 1, 4)
		c.wants(kept(3, 3))
		r.Jump(event.Position{Epoch: "y"})
		h.insertPrices(r, 1, 4)
		c.wants(gapOf("price:0", "y", 1, 0, "null"), kept(3, 3))
		got := c.resume("price:1", event.Position{Epoch: "x", Offset: 3})
		expect(t, "result", got.Result, event.Fresh)
		expect(t, "position", got.Position, event.Position{Epoch: "y", Offset: 4})
		h.insertPrices(r, 5, 7)
		c.wants(kept(6, 6), kept(7, 7))
	})
}

func TestPromise13AGapOfTypesWithoutStreamsIsOneATypeAndNoOther(t *testing.T) {
	eachEntry(t, func(e fanout.Engine) fanout.Config { return keeping(e, stream.History{Events: 100}, stream.Close) }, func(t *testing.T, h *testHub, c *client) {
		c.subscribe("a-b", "a", "a:1", "b:1", "c:1", "c:2")
		c.follow("price")
		kept, _ := h.join()
		kept.follow("price:1")
		h.hub.TellPlainGap(nil)
		c.wants(plainGapOf("a"), plainGapOf("a-b"), plainGapOf("b:1"), plainGapOf("c"))
		h.hub.TellPlainGap(map[string]bool{"b": true, "price": true, "d": true})
		c.wants(plainGapOf("b:1"))
		c.sync()
		kept.sync()
		expect(t, "gaps", h.hub.Stats().Gaps, 5)
	})
}

func TestPromise13ManySpokesAreToldOfManyHolesInOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, e fanout.Engine) {
		const spokes, holes = 150, 100
		h := newTestHub(t, keeping(e, stream.History{Events: 1000}, stream.Close))
		r := h.replicate("x", 0)
		var clients []*client
		for i := range spokes {
			c, _ := h.join()
			c.follow("price:" + strconv.Itoa(i%3))
			clients = append(clients, c)
		}
		next := 1
		for range holes {
			h.insertPrices(r, next, next+2)
			r.Jump(event.Position{Epoch: "x", Offset: uint64(next + 5)})
			next += 6
		}
		for i, c := range clients {
			topic := "price:" + strconv.Itoa(i%3)
			for at := 1; at < next; at += 6 {
				offset := at + (i%3+3-at%3)%3
				c.wants(kept(offset, offset), gapOf(topic, "x", at+3, at+5, "3"))
			}
		}
	})
}

func TestPromise13WhoSubscribesWhileWordOfAnotherEpochIsOnItsWayIsTold(t *testing.T) {
	eachEngine(t, func(t *testing.T, e fanout.Engine) {
		cfg := keeping(e, stream.History{Events: 100}, stream.Close)
		cfg.Reactors = 1
		h := newTestHub(t, cfg)
		r := h.replicate("x", 0)
		c, spoke := h.join()
		c.follow("price:0")
		h.insertPrices(r, 1, 3)
		c.wants(kept(3, 3))
		fanout.OnLoop(spoke, func() {
			r.Jump(event.Position{Epoch: "y"})
			for i := 1; i <= 4; i++ {
				if _, err := r.Insert(price(i)); err != nil {
					t.Error(err)
				}
			}
			fanout.Resume(spoke, "price", event.Since{})
		})
		c.wants(gapOf("price", "y", 1, 0, "null"), kept(3, 3))
		h.insertPrices(r, 5, 6)
		c.wants(kept(5, 5), kept(6, 6))
		c.sync()
		st := h.hub.Stats()
		expect(t, "gaps", st.Gaps, 1)
		expect(t, "deliveries", st.Deliveries, 4)
		h.checkLedger(st)
	})
}

// TestPromise13LossesThatComeFasterThanALoopTellsAreOneGap has the broker come and go often while a loop is busy.
func TestPromise13LossesThatComeFasterThanALoopTellsAreOneGap(t *testing.T) {
	h := newTestHub(t, fanout.Config{Reactors: 1})
	c, spoke := h.join()
	c.subscribe("order")
	fanout.OnLoop(spoke, func() {
		h.hub.TellPlainGap(map[string]bool{"other": true})
		for range 200 {
			h.hub.TellPlainGap(nil)
		}
	})
	c.wants(plainGapOf("order"))
	c.sync()
}

// TestPromise13HolesOfVeryManyStreamsAreToldEachInItsPlace has all streams jump at once, as when a broker has lost all, and an event follow in each.
func TestPromise13HolesOfVeryManyStreamsAreToldEachInItsPlace(t *testing.T) {
	const streams = 150
	h := newTestHub(t, fanout.Config{Reactors: 1, Policies: []stream.Policy{{Match: "t*", History: stream.History{Events: 9}}}})
	whole, spoke := h.join()
	single, _ := h.join()
	var replicas []*fanout.Replica
	for i := range streams {
		typ := fmt.Sprint("t", i)
		replicas = append(replicas, fanout.BeginReplica(h.hub, typ, event.Position{Epoch: "x", Offset: 4}))
		whole.follow(typ)
		single.follow(typ + ":a")
	}
	fanout.OnLoop(spoke, func() {
		for i, r := range replicas {
			r.Jump(event.Position{Epoch: "x", Offset: 9})
			if _, err := r.Insert(eventOf(fmt.Sprint("t", i), "a", i)); err != nil {
				t.Error(err)
			}
		}
	})
	for behind, c := range map[string]*client{"": whole, ":a": single} {
		told := map[string]bool{}
		for range 2 * streams {
			message := c.message()
			if gap, err := event.ParseGap([]byte(message)); err == nil {
				if told[gap.Topic] || gap.Missed != 5 {
					t.Errorf("got %s, want one gap of five events of each topic", message)
				}
				told[gap.Topic] = true
				continue
			}
			if e, err := event.Parse([]byte(message)); err != nil || e.Offset != 10 || !told[e.Type+behind] {
				t.Errorf("got %s ahead of the gap of %s", message, e.Type+behind)
			}
		}
		c.sync()
	}
}
