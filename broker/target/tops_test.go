package target_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/broker/target"
	"github.com/spokehub/spokehub/event"
)

func TestTheLastEventOfAStreamIsReadIfItIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, from, _, engine, got := pair(t)
		publish(t, from, "order", "", "1")
		got.expect(t, "order: 1")
		time.Sleep(time.Hour)
		engine.SetFaults(inproc.Faults{Drop: 1})
		publish(t, from, "order", "", "2")
		got.expect(t, "order: 1", "order: 2")
		engine.SetFaults(inproc.Faults{Drop: 1})
		network.Wipe()
		publish(t, from, "order", "", "3")
		got.expect(t, "order: 1", "order: 2", `loss "order" -1`, "order: 3")
	})
}

func TestWhatIsLostOnceTheEngineIsThereIsReadSoon(t *testing.T) {
	for name, after := range map[string]time.Duration{"at once": 0, "a little later": 500 * time.Millisecond, "later": 2 * time.Second} {
		for _, isBack := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", back ", isBack), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					_, from, _, engine, got := pair(t)
					var want []string
					if isBack {
						time.Sleep(time.Hour)
						engine.Reconnect("deaf")
						want = append(want, `loss "" -1`)
						got.expect(t, want...)
					}
					time.Sleep(after)
					synctest.Wait()
					engine.SetFaults(inproc.Faults{Drop: 1})
					publish(t, from, "order", "", "1")
					time.Sleep(4*time.Second - after)
					synctest.Wait()
					got.expectNow(t, append(want, "order: 1")...)
				})
			})
		}
	}
}

// leaderlessEngine is an engine whose method Tops fails some times.
type leaderlessEngine struct {
	*inproc.Engine
	failures atomic.Int64
}

func (e *leaderlessEngine) Tops(ctx context.Context, dst []event.Position, types ...string) ([]event.Position, error) {
	if e.failures.Add(-1) >= 0 {
		return dst, fmt.Errorf("%w: no leader", broker.ErrUnavailable)
	}
	return e.Engine.Tops(ctx, dst, types...)
}

func TestTopsThatCannotBeAskedForAreAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, got := inproc.New(), &record{}
		engine := &leaderlessEngine{Engine: network.Engine()}
		from := open(t, target.Config{Broker: network.Engine(), Policies: mixed})
		to := open(t, target.Config{Broker: engine, Policies: mixed, OnLoss: got.loss})
		awaitUp(t, from)
		to.AddEventListener("order", got.event)
		settle(t, to)
		time.Sleep(time.Hour)
		engine.failures.Store(3)
		engine.SetFaults(inproc.Faults{Drop: 1})
		publish(t, from, "order", "", "1")
		time.Sleep(17 * time.Second)
		got.expectNow(t, "order: 1")
	})
}
