package fanout_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// newWireCluster starts two hubs whose clients speak WebSocket, with policies.
func newWireCluster(t *testing.T, policies ...stream.Policy) (*inproc.Network, []*testHub, []*inproc.Engine) {
	t.Helper()
	network := inproc.New()
	var hubs []*testHub
	var engines []*inproc.Engine
	for range 2 {
		e := network.Engine()
		h := newTestHub(t, fanout.Config{Relay: true, Broker: e, Policies: policies})
		awaitBroker(t, h.hub, true)
		engines, hubs = append(engines, e), append(hubs, h)
	}
	return network, hubs, engines
}

// publishThrough publishes an event of a type without a stream and waits until the broker has it.
func publishThrough(t *testing.T, h *fanout.Hub, e event.Event) {
	t.Helper()
	before := h.Stats().BrokerPublished
	if _, err := h.Publish(context.Background(), e); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); h.Stats().BrokerPublished == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited a minute until the broker has an event, in vain")
		}
	}
}

func TestEventsForAUserReachHisSpokesOnAllHubs(t *testing.T) {
	hubs, _ := newCluster(t, 2)
	alice := hubs[0].Connect(fanout.AddOptions{Identity: fanout.Identity{User: "alice"}})
	also := hubs[1].Connect(fanout.AddOptions{Identity: fanout.Identity{User: "alice"}})
	bob := hubs[1].Connect(fanout.AddOptions{Identity: fanout.Identity{User: "bob"}})
	for i := range 100 {
		hubs[0].DispatchToUser("alice", eventOf("mail", "", i))
	}
	for i := range 100 {
		alice.Expect(eventOf("mail", "", i))
	}
	first := also.Next()
	if first.Type != "mail" {
		t.Errorf("got %+v, want mail", first)
	}
	bob.ExpectNone()
}

func TestPromise13PlainEventsThatAreLostBetweenHubsAreTold(t *testing.T) {
	for name, lose := range map[string]func(*inproc.Engine, func()){
		"in silence": func(e *inproc.Engine, publish func()) {
			e.SetFaults(inproc.Faults{Drop: 1})
			publish()
			publish()
		},
		"by a connection that broke": func(e *inproc.Engine, publish func()) {
			e.Cut()
			publish()
			e.Heal()
			publish()
		},
		"by a connection that was deaf": func(e *inproc.Engine, publish func()) {
			e.SetFaults(inproc.Faults{Deaf: true})
			publish()
			e.Reconnect("deaf")
			publish()
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, hubs, engines := newWireCluster(t, stream.Policy{Match: "user", Interest: stream.ByID}, stream.Policy{Match: "price", History: stream.History{Events: 9}})
			one, _ := hubs[0].join()
			whole, _ := hubs[0].join()
			other, _ := hubs[0].join()
			one.subscribe("user:a")
			whole.subscribe("user").follow("price")
			other.follow("price")
			sent := 0
			publish := func() {
				sent++
				publishThrough(t, hubs[1].hub, eventOf("user", "a", sent))
			}
			publish()
			first := `{"type":"user","id":"a","payload":1}`
			one.wants(first)
			whole.wants(first)
			lose(engines[0], publish)
			for topic, c := range map[string]*client{"user:a": one, "user": whole} {
				got := []string{c.message(), c.message()}
				slices.Sort(got)
				want := []string{plainGapOf(topic), `{"type":"user","id":"a","payload":3}`}
				if !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			other.sync()
		})
	}
}

func TestPromise13PlainEventsThatNeverLeaveTheirHubAreTold(t *testing.T) {
	_, hubs, engines := newWireCluster(t)
	c, _ := hubs[0].join()
	c.subscribe("order", "other")
	engines[1].Cut()
	awaitBroker(t, hubs[1].hub, false)
	hubs[1].hub.DispatchEvent(eventOf("order", "", 1))
	engines[1].Heal()
	c.wants(plainGapOf("order"))
	c.sync()
}

func TestPromise13PlainEventsThatDieWithTheConnectionOfTheirHubAreTold(t *testing.T) {
	_, hubs, engines := newWireCluster(t)
	c, _ := hubs[0].join()
	c.subscribe("order", "other")
	engines[1].SetFaults(inproc.Faults{Swallow: true})
	publishThrough(t, hubs[1].hub, eventOf("order", "", 1))
	engines[1].Cut()
	awaitBroker(t, hubs[1].hub, false)
	engines[1].SetFaults(inproc.Faults{})
	engines[1].Heal()
	c.wants(plainGapOf("order"))
	publishThrough(t, hubs[1].hub, eventOf("other", "", 2))
	c.wants(`{"type":"other","id":"","payload":2}`)
	c.sync()
}

func TestSpokesThatComeBehindALossAreToldNone(t *testing.T) {
	_, hubs, engines := newWireCluster(t)
	before, _ := hubs[0].join()
	before.subscribe("order")
	engines[0].Cut()
	awaitBroker(t, hubs[0].hub, false)
	engines[0].Heal()
	awaitBroker(t, hubs[0].hub, true)
	for hubs[0].hub.Stats().BrokerLosses == 0 {
		time.Sleep(time.Millisecond)
	}
	behind, _ := hubs[0].join()
	behind.subscribe("order")
	before.wants(plainGapOf("order"))
	behind.sync()
}

func TestPromise13EventsOfAStreamThatAreLostBetweenHubsAreReadAgain(t *testing.T) {
	hubs, engines := newCluster(t, 2)
	c := hubs[0].Connect()
	c.Subscribe("price", "order")
	publish := func(n int) {
		t.Helper()
		if _, err := hubs[1].Publish(context.Background(), eventOf("price", "", n)); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(n int) {
		t.Helper()
		e := c.Next()
		for e.Type == "__gap" {
			e = c.Next()
		}
		if string(e.Payload) != fmt.Sprint(n) || e.Offset != uint64(n) {
			t.Fatalf("got %+v, want event %d", e, n)
		}
	}
	n := 0
	next := func() { n++; publish(n) }
	for i, lose := range []func(){
		func() { next() },
		func() { engines[0].SetFaults(inproc.Faults{Drop: 3}); next(); next(); next(); next() },
		func() { engines[0].Cut(); next(); next(); engines[0].Heal(); next() },
		func() {
			engines[0].SetFaults(inproc.Faults{Deaf: true})
			next()
			next()
			engines[0].Reconnect("deaf")
			next()
		},
		func() { engines[0].SetFaults(inproc.Faults{Repeat: 3}); next(); next(); next() },
	} {
		before := n
		lose()
		for ; before < n; before++ {
			expect(before + 1)
		}
		if t.Failed() {
			t.Fatalf("in step %d", i)
		}
	}
}

func TestPromise13WhatAStreamHasLostForGoodIsTold(t *testing.T) {
	network, hubs, engines := newWireCluster(t, stream.Policy{Match: "price", History: stream.History{Events: 3}})
	c, _ := hubs[0].join()
	before := c.follow("price")
	hubs[1].publishPrices(1, 1)
	c.wants(kept(1, 1))
	engines[0].Cut()
	for i := 2; i <= 10; i++ {
		if _, err := hubs[1].hub.Publish(context.Background(), price(i)); err != nil {
			t.Fatal(err)
		}
	}
	engines[0].Heal()
	c.wants(gapOf("price", before.Position.Epoch, 2, 7, "6"), kept(8, 8), kept(9, 9), kept(10, 10))
	network.Wipe()
	receipt, err := hubs[1].hub.Publish(context.Background(), price(11))
	if err != nil {
		t.Fatal(err)
	}
	c.wants(gapOf("price", receipt.Position.Epoch, 1, 0, "null"), kept(11, 1))
}

func TestHubsForgetWhatNobodyWants(t *testing.T) {
	t.Parallel()
	hubs, _ := newCluster(t, 2)
	c := hubs[0].Connect()
	for i := range 50 {
		c.Subscribe(fmt.Sprintf("user:%d", i), fmt.Sprintf("order%d", i))
	}
	if got := hubs[0].Stats().BrokerKeys; got != 100 {
		t.Errorf("got %d keys, want 100", got)
	}
	c.Subscribe("user")
	c.Close()
	for deadline := time.Now().Add(time.Minute); hubs[0].Stats().BrokerKeys != 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("got %d keys a minute after the last spoke has left, want none", hubs[0].Stats().BrokerKeys)
		}
	}
}

func TestPromise13AnEventThatIsTooLongForAnotherHubIsToldThere(t *testing.T) {
	network := inproc.New()
	small := newTestHub(t, fanout.Config{Broker: network.Engine(), QueueLimit: 16 << 10})
	large := newTestHub(t, fanout.Config{Broker: network.Engine()})
	awaitBroker(t, small.hub, true)
	awaitBroker(t, large.hub, true)
	c, _ := small.join()
	c.subscribe("order", "other")
	large.hub.DispatchEvent(event.Event{Type: "order", Payload: []byte(`"` + strings.Repeat("x", 64<<10) + `"`)})
	c.wants(plainGapOf("order"))
	publishThrough(t, large.hub, eventOf("order", "", 2))
	c.wants(`{"type":"order","id":"","payload":2}`)
	expect(t, "messages refused", small.hub.Stats().BrokerGarbage, 1)
}
