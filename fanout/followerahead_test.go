package fanout_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
	"github.com/spokehub/spokehub/stream"
)

// sparingEngine gives one event a page, and takes a second for it while it is slow.
type sparingEngine struct {
	*inproc.Engine
	isSlow atomic.Bool
}

func (e *sparingEngine) Read(ctx context.Context, q broker.Query) (broker.Page, error) {
	if e.isSlow.Load() {
		time.Sleep(time.Second)
	}
	q.Events = 1
	return e.Engine.Read(ctx, q)
}

// TestPromise12EventsThatComeAheadOfTheirTurnKeepTheirPlaces loses every second event, so that those which come while the others are read are not in a row.
func TestPromise12EventsThatComeAheadOfTheirTurnKeepTheirPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := inproc.New()
		engine := &sparingEngine{Engine: network.Engine()}
		policies := []stream.Policy{{Match: "price", History: stream.History{Events: 100}}}
		h := fanouttest.New(t, fanout.Config{Broker: engine, Policies: policies})
		other := fanouttest.New(t, fanout.Config{Broker: network.Engine(), Policies: policies})
		awaitBroker(t, h, true)
		awaitBroker(t, other, true)
		c, _ := piped(t, h)
		c.follow("price")
		publishThem(t, other, 1, 1)
		c.wantsPrices(1, 1)
		engine.isSlow.Store(true)
		for i := 2; i < 10; i += 2 {
			engine.SetFaults(inproc.Faults{Drop: 1})
			publishThem(t, other, i, i)
			synctest.Wait()
			publishThem(t, other, i+1, i+1)
			synctest.Wait()
		}
		engine.isSlow.Store(false)
		c.wantsPrices(2, 9)
	})
}
