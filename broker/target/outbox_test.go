package target_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/broker/target"
	"github.com/spokehub/spokehub/event"
)

// stuckEngine is an engine whose methods Append and Publish wait until the channels are closed, if they are not nil.
type stuckEngine struct {
	*inproc.Engine
	appends, publishes chan struct{}
}

func (e *stuckEngine) Append(ctx context.Context, events []*broker.Append) {
	if e.appends != nil {
		<-e.appends
	}
	e.Engine.Append(ctx, events)
}

func (e *stuckEngine) Publish(ctx context.Context, messages []broker.Message) error {
	if e.publishes != nil {
		<-e.publishes
	}
	return e.Engine.Publish(ctx, messages)
}

// fill dispatches long events until there is no room, and returns how many went in.
func fill(t *testing.T, from *target.Target, typ string) (n int) {
	t.Helper()
	long := event.Event{Type: typ, Payload: []byte(`"` + strings.Repeat("x", 1<<20) + `"`)}
	for ; from.DispatchEvent(long); n++ {
		if n > 1000 {
			t.Fatalf("got %d long events of %q taken that go nowhere, want a bound", n, typ)
		}
	}
	return n
}

func TestEventsWithoutAStreamDoNotWaitForStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, got := inproc.New(), &record{}
		held := make(chan struct{})
		defer close(held)
		from := open(t, target.Config{Broker: &stuckEngine{Engine: network.Engine(), appends: held}, Policies: mixed})
		to := open(t, target.Config{Broker: network.Engine(), Policies: mixed, OnLoss: got.loss})
		awaitUp(t, from)
		awaitUp(t, to)
		to.AddEventListener("price", got.event)
		settle(t, to)
		var want []string
		for i := range 3 {
			fill(t, from, "order")
			payload := fmt.Sprint(i)
			if !from.DispatchEvent(event.Event{Type: "price", Payload: []byte(payload)}) {
				t.Fatalf("got false of DispatchEvent of an event without a stream while no stream takes any, want true")
			}
			want = append(want, "price: "+payload)
			got.expect(t, want...)
		}
	})
}

func TestEventsOfStreamsDoNotWaitForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, got := inproc.New(), &record{}
		held := make(chan struct{})
		defer close(held)
		from := open(t, target.Config{Broker: &stuckEngine{Engine: network.Engine(), publishes: held}, Policies: mixed})
		awaitUp(t, from)
		from.AddEventListener("order", got.event)
		settle(t, from)
		fill(t, from, "price")
		if !from.DispatchEvent(event.Event{Type: "order", Payload: []byte("1")}) {
			t.Error("got false of DispatchEvent of an event of a stream while others wait, want true")
		}
		got.expect(t, "order: 1")
	})
}

func TestEachOutboxHasABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		defer close(held)
		from := open(t, target.Config{Broker: &stuckEngine{Engine: inproc.New().Engine(), appends: held, publishes: held}, Policies: mixed})
		awaitUp(t, from)
		for _, typ := range []string{"order", "price"} {
			if n := fill(t, from, typ); n < 8 || n > 17 {
				t.Errorf("got %d events of 1 MiB of %q taken, want those that fit into an outbox, and into the batch that is handed over", n, typ)
			}
		}
	})
}
