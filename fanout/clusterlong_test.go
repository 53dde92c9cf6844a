package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
)

// shortEngine takes messages of few bytes. While held is full, what the hub publishes gathers.
type shortEngine struct {
	*inproc.Engine
	longest int
	// held has room for one: who is in it holds up the others.
	held chan struct{}
}

// Longest is what it takes.
func (e *shortEngine) Longest() int { return e.longest }

// Publish leaves out what is too long.
func (e *shortEngine) Publish(ctx context.Context, all []broker.Message) error {
	e.held <- struct{}{}
	defer func() { <-e.held }()
	var long error
	var fit []broker.Message
	for _, m := range all {
		if len(m.Data) > e.longest {
			long = broker.ErrTooLong
			continue
		}
		fit = append(fit, m)
	}
	if err := e.Engine.Publish(ctx, fit); err != nil {
		return err
	}
	return long
}

// newShort starts two hubs, and returns the second with its engine, which takes messages of few bytes.
func newShort(t *testing.T, longest int) (h, short *fanouttest.Hub, e *shortEngine) {
	t.Helper()
	network := inproc.New()
	h, _, _ = member(t, network, fanout.Config{})
	e = &shortEngine{Engine: network.Engine(), longest: longest, held: make(chan struct{}, 1)}
	short = fanouttest.New(t, fanout.Config{Broker: e, Policies: clusterPolicies, Relay: true})
	awaitBroker(t, short, true)
	return h, short, e
}

func longEvent(typ string) event.Event { return eventOf(typ, "", `"`+strings.Repeat("x", 4000)+`"`) }

// TestAnEventThatTheBrokerFindsTooLongTakesNoOtherWithIt has one be dispatched between others, which leave the hub together.
func TestAnEventThatTheBrokerFindsTooLongTakesNoOtherWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, short, e := newShort(t, 4000)
		c, _ := piped(t, h)
		c.subscribe("order", "other", "long")
		time.Sleep(time.Second)
		e.held <- struct{}{}
		short.DispatchEvent(eventOf("other", "", 0))
		time.Sleep(time.Second)
		for i := range 3 {
			short.DispatchEvent(eventOf("order", "", i))
			short.DispatchEvent(longEvent("long"))
		}
		before := short.Stats()
		<-e.held
		c.wants(`{"type":"other","id":"","payload":0}`)
		for i := range 3 {
			c.wants(fmt.Sprintf(`{"type":"order","id":"","payload":%d}`, i))
		}
		c.wants(plainGapOf("long"))
		c.sync()
		after := short.Stats()
		if dropped, published := after.BrokerDropped-before.BrokerDropped, after.BrokerPublished-before.BrokerPublished; dropped != 3 || published != 4 {
			t.Errorf("got %d events dropped and %d published, want 3 and 4", dropped, published)
		}
	})
}

// TestALostMessageThatIsTooLongIsToldAsOneOfAllTypes has so many types lose events of one parcel that their names are too long for the broker.
func TestALostMessageThatIsTooLongIsToldAsOneOfAllTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, short, e := newShort(t, 4000)
		c, _ := piped(t, h)
		c.subscribe("order")
		time.Sleep(time.Second)
		e.held <- struct{}{}
		short.DispatchEvent(eventOf("other", "", 0))
		time.Sleep(time.Second)
		for i := range 200 {
			short.DispatchEvent(longEvent(fmt.Sprintf("a-type-with-a-rather-long-name-%d", i)))
		}
		<-e.held
		c.wants(plainGapOf("order"))
		c.sync()
	})
}

func TestWhoPublishesAnEventThatTheBrokerFindsTooLongIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, short, _ := newShort(t, 4000)
		c, _ := piped(t, short)
		c.subscribe("long")
		time.Sleep(time.Second)
		_, err := short.Publish(t.Context(), longEvent("long"))
		if !errors.Is(err, fanout.ErrTooLong) || errors.Is(err, fanout.ErrBroker) || !strings.Contains(err.Error(), "4000") {
			t.Errorf("got %v, want ErrTooLong with the limit", err)
		}
		fits := eventOf("long", "", `"`+strings.Repeat("x", 3000)+`"`)
		if _, err := short.Publish(t.Context(), fits); err != nil {
			t.Errorf("got %v of one that fits", err)
		}
		c.wants(fmt.Sprintf(`{"type":"long","id":"","payload":%s}`, fits.Payload))
		c.text(fmt.Sprintf(`{"type":"long","payload":%s}`, longEvent("long").Payload))
		c.wants(`{"type":"__reject","id":"","payload":{"topic":"long","reason":"unavailable"}}`)
		c.sync()
	})
}
