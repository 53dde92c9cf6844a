package fanout_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/fanout"
)

// crowdedEngine has its hub publish more while it takes a batch than the outbox may have for there to be room for lists, as long as hub is set.
type crowdedEngine struct {
	*inproc.Engine
	hub atomic.Pointer[fanout.Hub]
}

func (e *crowdedEngine) Publish(ctx context.Context, all []broker.Message) error {
	if hub := e.hub.Load(); hub != nil {
		time.Sleep(10 * time.Millisecond)
		for range 20 {
			hub.DispatchEvent(eventOf("noise", "", `"`+strings.Repeat("x", 60<<10)+`"`))
		}
	}
	return e.Engine.Publish(ctx, all)
}

// TestHubsTellWhoIsThereWhileEventsComeFasterThanTheBrokerTakesThem has so many events wait for the broker all the time that there is never room for lists.
func TestHubsTellWhoIsThereWhileEventsComeFasterThanTheBrokerTakesThem(t *testing.T) {
	network := inproc.New()
	engine := &crowdedEngine{Engine: network.Engine()}
	busy := newTestHub(t, presenceConfig(fanout.Config{Broker: engine, MemoryBudget: 32 << 20}))
	other := newTestHub(t, presenceConfig(fanout.Config{Broker: network.Engine()}))
	for _, h := range []*testHub{busy, other} {
		until(t, "the hubs know each other", func() bool { return len(h.hub.Nodes()) == 2 })
	}
	engine.hub.Store(busy.hub)
	defer engine.hub.Store(nil)
	busy.hub.DispatchEvent(eventOf("noise", "", 1))
	until(t, "the outbox is crowded", func() bool { return busy.hub.Stats().BrokerWaiting > 1<<20 })
	busy.enter("room:7", "ada")
	watcher, _ := other.joinAs("watcher")
	watcher.watch("room:7")
	until(t, "the other hub knows of ada", func() bool { return len(other.hub.Presence("room:7")) == 1 })
	busy.enter("room:7", "grace")
	until(t, "the other hub knows of grace", func() bool { return len(other.hub.Presence("room:7")) == 2 })
}
