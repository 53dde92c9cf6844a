package fanout_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
	"github.com/spokehub/spokehub/stream"
)

// brokenEngine does not publish while it isBroken, and seems to be there all the same.
type brokenEngine struct {
	*inproc.Engine
	isBroken atomic.Bool
}

// Publish fails while it isBroken.
func (e *brokenEngine) Publish(ctx context.Context, all []broker.Message) error {
	if e.isBroken.Load() {
		return broker.ErrUnavailable
	}
	return e.Engine.Publish(ctx, all)
}

// TestPromise13ALossThatCouldNotBeToldIsToldLater has the broker fail with the event, and again with the message that tells of its loss.
func TestPromise13ALossThatCouldNotBeToldIsToldLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := inproc.New()
		h, _, _ := member(t, network, fanout.Config{})
		engine := &brokenEngine{Engine: network.Engine()}
		other := fanouttest.New(t, fanout.Config{Broker: engine, Policies: clusterPolicies})
		awaitBroker(t, other, true)
		c, _ := piped(t, h)
		c.subscribe("order")
		time.Sleep(time.Second)
		engine.isBroken.Store(true)
		other.DispatchEvent(eventOf("order", "", 1))
		time.Sleep(time.Second)
		engine.isBroken.Store(false)
		c.wants(plainGapOf("order"))
		time.Sleep(30 * time.Second)
		c.text(`{"type":"__subscribe","id":"2","payload":{"topic":"user:a"}}`)
		c.wants(`{"type":"__ack","id":"2","payload":{"topics":["user:a"]}}`)
	})
}

// spyEngine lets a test tell the hub what it likes.
type spyEngine struct {
	filterEngine
	sink broker.Sink
}

// Start starts it.
func (e *spyEngine) Start(s broker.Sink) error {
	e.sink = s
	return e.filterEngine.Start(s)
}

// TestAStatementOfWhichAPartIsLostEndsNothing has another hub say which topics it watches, in three messages of which the second does not come.
func TestAStatementOfWhichAPartIsLostEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &spyEngine{filterEngine: filterEngine{Engine: inproc.New().Engine()}}
		h := fanouttest.New(t, presenceConfig(fanout.Config{Broker: engine}))
		awaitBroker(t, h, true)
		var isTold atomic.Bool
		engine.set(func(channel string, body []byte) bool {
			if channel == "presence" && bytes.Contains(body, []byte("room:2")) && bytes.Contains(body, []byte("bob")) {
				isTold.Store(true)
			}
			return false
		})
		tell := func(channel string, number, before uint64, body string) {
			engine.sink.Deliver(broker.Delivery{Kind: broker.Control, Name: channel, Data: presenceMessage(7, number, before, body)})
		}
		tell("nodes", 0, 0, `{"node":"b","presence":1}`)
		tell("presence", 1, 0, `{"watch":["room:1","room:2"]}`)
		tell("inbox", 1, 0, `{"first":true,"at":1,"watch":["room:1"]}`)
		tell("inbox", 3, 2, `{"done":1}`)
		synctest.Wait()
		enterAs(h, "bob", "room:2")
		time.Sleep(time.Second)
		if !isTold.Load() {
			t.Error("got nobody told of a user in a topic that another hub watches")
		}
	})
}

// TestAHubIsAskedOnceForListsThatTakeLong has it take much longer to tell all than hubs are waited for that tell nothing.
func TestAHubIsAskedOnceForListsThatTakeLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := inproc.New()
		a, ea := filtered(t, n, "a", fanout.Config{MaxTopics: 1 << 20})
		b, eb := filtered(t, n, "b", fanout.Config{MemoryBudget: 4 << 20})
		time.Sleep(10 * time.Second)
		topics := make([]string, 500)
		for i := range topics {
			topics[i] = fmt.Sprint("room:", i)
			fanout.JoinMany(b.Hub, topics[i], 100)
		}
		watchAs(t, a, "w", topics...)
		time.Sleep(time.Minute)
		var asked atomic.Int64
		ea.set(func(_ string, body []byte) bool {
			if bytes.Contains(body, []byte(`"ask"`)) {
				asked.Add(1)
			}
			return false
		})
		eb.SetFaults(inproc.Faults{Delay: 400 * time.Millisecond})
		fanout.LoseAtRoster(a.Hub)
		time.Sleep(10 * time.Minute)
		if got := asked.Load(); got != 1 {
			t.Errorf("got the other hub asked %d times, want once", got)
		}
	})
}

// topsEngine can't say how far one stream is.
type topsEngine struct{ *inproc.Engine }

// Tops fails if it is asked for that one, too.
func (e topsEngine) Tops(ctx context.Context, dst []event.Position, types ...string) ([]event.Position, error) {
	if slices.Contains(types, "bad") {
		return dst, broker.ErrUnavailable
	}
	return e.Engine.Tops(ctx, dst, types...)
}

// TestOneStreamThatCantBeAskedForKeepsNoOtherFromBeingReadAgain loses the last event of each of very many streams in silence.
func TestOneStreamThatCantBeAskedForKeepsNoOtherFromBeingReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const streams = 700
		network := inproc.New()
		policies := []stream.Policy{{Match: "*", History: stream.History{Events: 10}}}
		engine := topsEngine{network.Engine()}
		h := fanouttest.New(t, fanout.Config{Broker: engine, Policies: policies})
		awaitBroker(t, h, true)
		h.Patience = time.Hour
		other, _, _ := member(t, network, fanout.Config{Policies: policies})
		c := h.Connect()
		topics := []string{"bad"}
		for i := range streams {
			topics = append(topics, fmt.Sprint("s", i))
		}
		c.Subscribe(topics...)
		engine.SetFaults(inproc.Faults{Drop: streams})
		for _, topic := range topics[1:] {
			if _, err := other.Publish(context.Background(), eventOf(topic, "", 1)); err != nil {
				t.Fatal(err)
			}
		}
		for range streams {
			c.Next()
		}
	})
}
