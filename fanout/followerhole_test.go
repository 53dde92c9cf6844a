package fanout_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
	"github.com/spokehub/spokehub/stream"
)

// holedEngine is an engine from whose streams events have been deleted.
type holedEngine struct {
	*inproc.Engine
	// cuts says that pages end ahead of a hole and begin behind it, as those of NATS do. Else its offsets are left out, as those of Redis are.
	cuts  bool
	mu    sync.Mutex
	holes []uint64
}

func (e *holedEngine) delete(offsets ...uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.holes = offsets
}

// Read reads a page without the events that have been deleted.
func (e *holedEngine) Read(ctx context.Context, q broker.Query) (broker.Page, error) {
	page, err := e.Engine.Read(ctx, q)
	e.mu.Lock()
	defer e.mu.Unlock()
	page.Entries = slices.DeleteFunc(page.Entries, func(entry broker.Entry) bool { return slices.Contains(e.holes, entry.Offset) })
	if !e.cuts || q.Survivors || len(page.Entries) == 0 {
		return page, err
	}
	if first := page.Entries[0].Offset; first > q.After+1 {
		page.First = max(page.First, first)
	}
	for i := 1; i < len(page.Entries); i++ {
		if page.Entries[i].Offset != page.Entries[i-1].Offset+1 {
			page.Entries = page.Entries[:i]
		}
	}
	return page, err
}

// holedHub starts a hub whose engine may have holes, and another one that publishes.
func holedHub(t *testing.T, cuts bool, policies ...stream.Policy) (h, other *fanouttest.Hub, engine *holedEngine) {
	t.Helper()
	network := inproc.New()
	engine = &holedEngine{Engine: network.Engine(), cuts: cuts}
	h = fanouttest.New(t, fanout.Config{Broker: engine, Policies: policies})
	other = fanouttest.New(t, fanout.Config{Broker: network.Engine(), Policies: policies})
	awaitBroker(t, h, true)
	awaitBroker(t, other, true)
	return h, other, engine
}

// publishThem publishes prices, and waits until the broker has them.
func publishThem(t *testing.T, h *fanouttest.Hub, from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		if _, err := h.Publish(context.Background(), price(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// wantsPrices wants prices whose offsets are their numbers.
func (c *client) wantsPrices(from, to int) {
	c.t.Helper()
	for i := from; i <= to; i++ {
		c.wants(kept(i, i))
	}
}

// eachHole runs a test for both ways in which engines show holes, by policies with and without the newest of each id.
func eachHole(t *testing.T, test func(t *testing.T, cuts bool, policy stream.Policy)) {
	for _, cuts := range []bool{true, false} {
		for _, latest := range []bool{true, false} {
			t.Run(fmt.Sprintf("cuts %v, latest %v", cuts, latest), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					test(t, cuts, stream.Policy{Match: "price", History: stream.History{Events: 100, LatestPerID: latest}})
				})
			})
		}
	}
}

func TestPromise13EventsThatWereDeletedFromWithinAStreamAreToldAndTheRestArrives(t *testing.T) {
	eachHole(t, func(t *testing.T, cuts bool, policy stream.Policy) {
		h, other, engine := holedHub(t, cuts, policy)
		c, _ := piped(t, h)
		epoch := c.follow("price").Position.Epoch
		engine.SetFaults(inproc.Faults{Drop: 25})
		publishThem(t, other, 1, 25)
		engine.delete(1, 8, 9, 15)
		publishThem(t, other, 26, 26)
		c.wants(gapOf("price", epoch, 1, 1, "1"))
		c.wantsPrices(2, 7)
		c.wants(gapOf("price", epoch, 8, 9, "2"))
		c.wantsPrices(10, 14)
		c.wants(gapOf("price", epoch, 15, 15, "1"))
		c.wantsPrices(16, 26)
		publishThem(t, other, 27, 27)
		c.wantsPrices(27, 27)
		c.sync()
	})
}

func TestAStreamFromWhichEventsWereDeletedCanBeSubscribedTo(t *testing.T) {
	eachHole(t, func(t *testing.T, cuts bool, policy stream.Policy) {
		h, other, engine := holedHub(t, cuts, policy)
		engine.delete(1, 8, 9)
		publishThem(t, other, 1, 20)
		c, _ := piped(t, h)
		first := c.follow("price").Position
		expect(t, "offset", first.Offset, 20)
		publishThem(t, other, 21, 21)
		c.wantsPrices(21, 21)
		again, _ := piped(t, h)
		resumed := again.resume("price", event.Position{Epoch: first.Epoch, Offset: 9})
		expect(t, "missed", resumed.Missed, 0)
		again.wantsPrices(10, 21)
		again.sync()
	})
}

// TestPromise13TheLastEventsThatWereDeletedAreGivenUp has an engine say that a stream has more, and never give it.
func TestPromise13TheLastEventsThatWereDeletedAreGivenUp(t *testing.T) {
	eachHole(t, func(t *testing.T, cuts bool, policy stream.Policy) {
		h, other, engine := holedHub(t, cuts, policy)
		c, _ := piped(t, h)
		epoch := c.follow("price").Position.Epoch
		engine.SetFaults(inproc.Faults{Drop: 20})
		engine.delete(19, 20)
		publishThem(t, other, 1, 20)
		c.wantsPrices(1, 18)
		c.wants(gapOf("price", epoch, 19, 20, "2"))
		publishThem(t, other, 21, 21)
		c.wantsPrices(21, 21)
		c.sync()
	})
}
