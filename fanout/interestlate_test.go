package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
)

// hangingEngine does not answer while it isHanging whoever subscribes, and seems to be there: as a broker that was stopped, and has yet to be given up.
type hangingEngine struct {
	*inproc.Engine
	isHanging atomic.Bool
}

// Subscribe takes all the time that there is while the engine hangs.
func (e *hangingEngine) Subscribe(ctx context.Context, keys ...broker.Key) error {
	if !e.isHanging.Load() {
		return e.Engine.Subscribe(ctx, keys...)
	}
	<-ctx.Done()
	return errors.Join(ctx.Err(), e.Engine.Subscribe(context.Background(), keys...))
}

// hangingHub starts a hub whose engine may hang, and another one.
func hangingHub(t *testing.T) (h, other *fanouttest.Hub, engine *hangingEngine) {
	t.Helper()
	network := inproc.New()
	engine = &hangingEngine{Engine: network.Engine()}
	h = fanouttest.New(t, fanout.Config{Broker: engine, Policies: clusterPolicies, MaxTopics: 1 << 20})
	awaitBroker(t, h, true)
	other, _, _ = member(t, network, fanout.Config{})
	time.Sleep(time.Second)
	return h, other, engine
}

func TestPromise13PlainTopicsGoOnThoughTheBrokerDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, other, engine := hangingHub(t)
		engine.isHanging.Store(true)
		c, _ := piped(t, h)
		c.text(`{"type":"__subscribe","id":"1","payload":{"topics":["order","price","user:a"]}}`)
		c.wants(`{"type":"__reject","id":"1","payload":{"topic":"price","reason":"unavailable"}}`)
		c.wants(`{"type":"__ack","id":"1","payload":{"topics":["order","user:a"]}}`)
		h.DispatchEvent(eventOf("order", "", 1))
		c.wants(`{"type":"order","id":"","payload":1}`)
		other.DispatchEvent(eventOf("order", "", 2))
		got := map[string]bool{c.message(): true, c.message(): true}
		if !got[plainGapOf("order")] || !got[plainGapOf("user:a")] {
			t.Errorf("got %v, want the gaps of both topics", got)
		}
		other.DispatchEvent(eventOf("order", "", 3))
		c.wants(`{"type":"order","id":"","payload":3}`)
	})
}

func TestSpokesAreSubscribedToPlainTopicsThoughTheBrokerDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, engine := hangingHub(t)
		engine.isHanging.Store(true)
		c, s := piped(t, h)
		if err := s.Subscribe("order", "price"); !errors.Is(err, fanout.ErrBroker) || !strings.Contains(fmt.Sprint(err), `subscribe "price": `) || !strings.Contains(fmt.Sprint(err), "its stream") {
			t.Errorf("got the error %v, want one about the stream of price", err)
		}
		time.Sleep(5 * time.Second)
		if err := s.Subscribe("other"); err != nil {
			t.Errorf("got the error %v of a topic without a stream, want none", err)
		}
		h.DispatchEvent(eventOf("other", "", 1))
		c.wants(`{"type":"other","id":"","payload":1}`, plainGapOf("other"))
	})
}

// TestPromise13AnIDOfATypeThatIsAskedForTooLateIsToldAGap has so many ids of a type be wanted that the type is asked for instead, which takes too long.
func TestPromise13AnIDOfATypeThatIsAskedForTooLateIsToldAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, other, engine := hangingHub(t)
		_, many := piped(t, h)
		rooms := make([]string, 4096)
		for i := range rooms {
			rooms[i] = fmt.Sprint("room:", i)
		}
		if err := many.Subscribe(rooms...); err != nil {
			t.Fatal(err)
		}
		engine.isHanging.Store(true)
		c, _ := piped(t, h)
		c.subscribe("room:another")
		other.DispatchEvent(eventOf("room", "another", 1))
		c.wants(plainGapOf("room:another"))
		other.DispatchEvent(eventOf("room", "another", 2))
		c.wants(`{"type":"room","id":"another","payload":2}`)
	})
}
