package target_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/broker/target"
)

func TestWhatAnotherEpochHasAheadOfTheFirstReadIsHandedOn(t *testing.T) {
	network, from, _, engine, got := pair(t)
	publish(t, from, "order", "", "1")
	publish(t, from, "order", "", "2")
	got.expect(t, "order: 1", "order: 2")
	engine.Cut()
	network.Wipe()
	publish(t, from, "order", "", "3")
	publish(t, from, "order", "", "4")
	engine.Heal()
	got.expect(t, "order: 1", "order: 2", `loss "" -1`, `loss "order" -1`, "order: 3", "order: 4")
	publish(t, from, "order", "", "5")
	got.expect(t, "order: 1", "order: 2", `loss "" -1`, `loss "order" -1`, "order: 3", "order: 4", "order: 5")
}

func TestWhatAnotherEpochHasFromTheOneBeforeIsHeardOnce(t *testing.T) {
	for name, isRead := range map[string]bool{"events that came": false, "events that were read": true} {
		t.Run(name, func(t *testing.T) {
			network, from, _, engine, got := pair(t)
			other := open(t, target.Config{Broker: network.Engine(), Policies: mixed})
			awaitUp(t, other)
			if isRead {
				engine.SetFaults(inproc.Faults{Drop: 2})
			}
			publish(t, from, "order", "", "1")
			publish(t, other, "order", "", "2")
			publish(t, from, "order", "", "3")
			got.expect(t, "order: 1", "order: 2", "order: 3")
			engine.Cut()
			publish(t, other, "order", "", "4")
			publish(t, other, "order", "", `"gone"`)
			if taken := network.Regress("order", 1); taken != 1 {
				t.Fatalf("got %d events taken from the stream, want 1", taken)
			}
			publish(t, other, "order", "", "5")
			engine.Heal()
			got.expect(t, "order: 1", "order: 2", "order: 3", `loss "" -1`, `loss "order" -1`, "order: 4", "order: 5")
		})
	}
}

// TestWhatIsOlderThanAListenerIsNotHeardInAnotherEpoch has the epoch keep less than there was ahead of the listener, of publishers that are not heard any more, and
// more of it than the listener's target has read.
func TestWhatIsOlderThanAListenerIsNotHeardInAnotherEpoch(t *testing.T) {
	for _, old := range []int{3, 1300} {
		t.Run(fmt.Sprint(old, " events"), func(t *testing.T) {
			network, got := inproc.New(), &record{}
			rare := open(t, target.Config{Broker: network.Engine(), Policies: streams})
			older := open(t, target.Config{Broker: network.Engine(), Policies: streams})
			from := open(t, target.Config{Broker: network.Engine(), Policies: streams})
			engine := network.Engine()
			to := open(t, target.Config{Broker: engine, Policies: streams, OnLoss: got.loss})
			awaitUp(t, rare)
			awaitUp(t, older)
			awaitUp(t, from)
			for i := range old {
				if i == old/2 {
					publish(t, rare, "order", "", `"rare"`)
				}
				publish(t, older, "order", "", `"older"`)
			}
			to.AddEventListener("order", got.event)
			settle(t, to)
			publish(t, from, "order", "", "1")
			got.expect(t, "order: 1")
			engine.Cut()
			if taken := network.Regress("order", 3); taken != 3 {
				t.Fatalf("got %d events taken from the stream, want 3", taken)
			}
			publish(t, from, "order", "", "2")
			engine.Heal()
			got.expect(t, "order: 1", `loss "" -1`, `loss "order" -1`, "order: 2")
			publish(t, from, "order", "", "3")
			got.expect(t, "order: 1", `loss "" -1`, `loss "order" -1`, "order: 2", "order: 3")
		})
	}
}

func TestALongEpochIsHandedOnInOrder(t *testing.T) {
	network, got := inproc.New(), &record{}
	from := open(t, target.Config{Broker: network.Engine(), Policies: streams})
	engine := network.Engine()
	to := open(t, target.Config{Broker: engine, Policies: streams, OnLoss: got.loss})
	awaitUp(t, from)
	to.AddEventListener("order", got.event)
	settle(t, to)
	var want []string
	const kept, fresh = 600, 1200
	for i := range kept + fresh {
		if i == kept {
			got.expect(t, want...)
			engine.Cut()
			want = append(want, `loss "" -1`, `loss "order" -1`)
		}
		payload := strconv.Itoa(i)
		publish(t, from, "order", "", payload)
		want = append(want, "order: "+payload)
		if i == kept {
			network.Regress("order", 1)
			want = want[:len(want)-1]
		}
	}
	engine.Heal()
	got.expect(t, want...)
}

// slowEngine is an engine whose method Read calls then once with what it has read, ahead of its return, if that is set.
type slowEngine struct {
	*inproc.Engine
	then func()
}

func (e *slowEngine) Read(ctx context.Context, q broker.Query) (broker.Page, error) {
	page, err := e.Engine.Read(ctx, q)
	if then := e.then; then != nil {
		e.then = nil
		then()
	}
	return page, err
}

// TestAnEpochThatBeginsDuringAReadIsReadAtOnce has the tops show it otherwise, seconds later.
func TestAnEpochThatBeginsDuringAReadIsReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, got := inproc.New(), &record{}
		engine := &slowEngine{Engine: network.Engine()}
		from := open(t, target.Config{Broker: network.Engine(), Policies: mixed})
		to := open(t, target.Config{Broker: engine, Policies: mixed, OnLoss: got.loss})
		awaitUp(t, from)
		to.AddEventListener("order", got.event)
		settle(t, to)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		engine.then = func() {
			network.Wipe()
			publish(t, from, "order", "", "3")
			time.Sleep(time.Millisecond)
		}
		engine.SetFaults(inproc.Faults{Drop: 1})
		publish(t, from, "order", "", "1")
		publish(t, from, "order", "", "2")
		time.Sleep(time.Second)
		synctest.Wait()
		got.expectNow(t, "order: 1", "order: 2", `loss "order" -1`, "order: 3")
	})
}
