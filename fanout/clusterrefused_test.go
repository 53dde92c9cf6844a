package fanout_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
)

func isSecret(k broker.Key) bool {
	return k.Type == "secret" || k.Type == "price" || k.Type == "user" && k.ID != ""
}

// refusingEngine takes no subscriptions to what isSecret while it isStrict.
type refusingEngine struct {
	*inproc.Engine
	isStrict atomic.Bool
}

// Subscribe takes the others.
func (e *refusingEngine) Subscribe(ctx context.Context, keys ...broker.Key) error {
	var taken []broker.Key
	for _, key := range keys {
		if !e.isStrict.Load() || !isSecret(key) {
			taken = append(taken, key)
		}
	}
	if err := e.Engine.Subscribe(ctx, taken...); err != nil || len(taken) == len(keys) {
		return err
	}
	return broker.ErrRefused
}

// TestWhatTheBrokerRefusesIsNotAcked asks for two topics that are refused and one that is not, and again once they are not.
func TestWhatTheBrokerRefusesIsNotAcked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &refusingEngine{Engine: inproc.New().Engine()}
		e.isStrict.Store(true)
		h := fanouttest.New(t, fanout.Config{Broker: e, Policies: clusterPolicies, PingInterval: 5 * time.Hour, PeerTimeout: 24 * time.Hour})
		awaitBroker(t, h, true)
		c, _ := piped(t, h)
		for range 2 {
			c.text(`{"type":"__subscribe","id":"1","payload":{"topics":["secret","order","price","secret:7"]}}`)
			for _, topic := range []string{"secret", "price", "secret:7"} {
				c.wants(`{"type":"__reject","id":"1","payload":{"topic":"` + topic + `","reason":"unavailable"}}`)
			}
			c.wants(`{"type":"__ack","id":"1","payload":{"topics":["order"]}}`)
		}
		if state := h.Broker(); !state.Up || !errors.Is(state.Degraded, broker.ErrRefused) {
			t.Errorf("got the state %+v, want it up and degraded", state)
		}
		time.Sleep(time.Minute)
		if state := h.Broker(); state.Degraded != nil {
			t.Errorf("got %v some time later, want nothing", state.Degraded)
		}
		if keys := e.Keys(); slices.ContainsFunc(keys, isSecret) {
			t.Errorf("got the keys %v, want none of what was refused", keys)
		}
		e.isStrict.Store(false)
		c, _ = piped(t, h)
		c.text(`{"type":"__subscribe","id":"2","payload":{"topics":["secret","secret:7"]}}`)
		c.wants(`{"type":"__ack","id":"2","payload":{"topics":["secret","secret:7"]}}`)
	})
}

// TestAnIDThatIsRefusedWhenItsTypeEndsIsAskedForAgain has a spoke that is subscribed to an id while others are to the whole type, which end that.
func TestAnIDThatIsRefusedWhenItsTypeEndsIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := inproc.New()
		e := &refusingEngine{Engine: network.Engine()}
		h := fanouttest.New(t, fanout.Config{Broker: e, Policies: clusterPolicies, PingInterval: 5 * time.Hour, PeerTimeout: 24 * time.Hour})
		awaitBroker(t, h, true)
		other, _, _ := member(t, network, fanout.Config{})
		ofID, _ := piped(t, h)
		ofType := h.Connect()
		ofType.Subscribe("user")
		ofID.subscribe("user:7")
		e.isStrict.Store(true)
		ofType.Unsubscribe("user")
		time.Sleep(5 * time.Second)
		if state := h.Broker(); !errors.Is(state.Degraded, broker.ErrRefused) {
			t.Errorf("got the state %+v, want it degraded", state)
		}
		e.isStrict.Store(false)
		ofID.wants(plainGapOf("user:7"))
		other.DispatchEvent(eventOf("user", "7", 1))
		ofID.wants(`{"type":"user","id":"7","payload":1}`)
	})
}
