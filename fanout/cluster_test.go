package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
	"github.com/spokehub/spokehub/stream"
)

// clusterPolicies give "price" a stream, and have hubs ask for single ids of "user", and of "room" as long as they are few.
var clusterPolicies = []stream.Policy{
	{Match: "price", History: stream.History{Events: 100}, Behind: stream.CatchUp},
	{Match: "latest", History: stream.History{Events: 10, LatestPerID: true}},
	{Match: "user", Interest: stream.ByID},
	{Match: "room", Interest: stream.Auto},
}

// newCluster starts hubs that work as one, and returns their engines, too.
func newCluster(t *testing.T, n int) ([]*fanouttest.Hub, []*inproc.Engine) {
	t.Helper()
	network := inproc.New()
	var hubs []*fanouttest.Hub
	var engines []*inproc.Engine
	for range n {
		e := network.Engine()
		engines = append(engines, e)
		h := fanouttest.New(t, fanout.Config{Relay: true, Policies: clusterPolicies, Broker: e})
		awaitBroker(t, h, true)
		hubs = append(hubs, h)
	}
	return hubs, engines
}

// awaitBroker waits until a hub knows that its broker is there, or is not.
func awaitBroker(t *testing.T, h interface{ Broker() fanout.BrokerState }, isUp bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); h.Broker().Up != isUp; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("got the broker %+v for a minute, want up: %v", h.Broker(), isUp)
		}
	}
}

func eventOf(typ, id string, payload any) event.Event {
	return event.Event{Type: typ, ID: id, Payload: []byte(fmt.Sprint(payload))}
}

func TestEventsOfTypesWithoutAStreamReachTheSpokesOfAllHubsOnce(t *testing.T) {
	hubs, _ := newCluster(t, 3)
	var clients []*fanouttest.Client
	for _, h := range hubs {
		c := h.Connect()
		c.Subscribe("order", "order:7", "user:b", "other:9")
		clients = append(clients, c)
	}
	hubs[0].DispatchEvent(eventOf("order", "7", 1))
	for _, c := range clients {
		c.Expect(eventOf("order", "7", 1))
	}
	clients[1].Send(eventOf("order", "", 2))
	clients[0].Expect(eventOf("order", "", 2))
	clients[2].Expect(eventOf("order", "", 2))
	clients[2].Send(eventOf("user", "b", 3))
	clients[2].Send(eventOf("user", "c", 4))
	clients[2].Send(eventOf("other", "8", 5))
	clients[2].Send(eventOf("other", "9", 6))
	for _, c := range clients[:2] {
		c.Expect(eventOf("user", "b", 3), eventOf("other", "9", 6))
	}
	for _, c := range clients {
		c.ExpectNone()
	}
}

func TestTypeAndIDOfItOverlapWithoutRepeatsOrLosses(t *testing.T) {
	hubs, _ := newCluster(t, 2)
	listener, sender := hubs[0].Connect(), hubs[1].Connect()
	listener.Subscribe("user:a")
	sender.Send(eventOf("user", "a", 1))
	listener.Expect(eventOf("user", "a", 1))
	listener.Subscribe("user")
	for i := 2; i < 100; i++ {
		sender.Send(eventOf("user", "a", i))
		listener.Expect(eventOf("user", "a", i))
		if i%10 == 0 {
			listener.Unsubscribe("user")
		}
		if i%10 == 5 {
			listener.Subscribe("user")
		}
	}
	listener.ExpectNone()
}

func TestPromise12EventsOfAStreamReachTheSpokesOfAllHubsInOneOrder(t *testing.T) {
	hubs, _ := newCluster(t, 3)
	var clients []*fanouttest.Client
	for _, h := range hubs {
		c := h.Connect()
		c.Subscribe("price")
		clients = append(clients, c)
	}
	const each = 200
	for i := range each {
		for j, c := range clients {
			c.Send(eventOf("price", fmt.Sprint(j), i))
		}
	}
	var first []string
	for i, c := range clients {
		var got []string
		for range each * len(clients) {
			e := c.Next()
			got = append(got, fmt.Sprintf("%d %s %s", e.Offset, e.ID, e.Payload))
		}
		if i == 0 {
			first = got
		}
		for j := range got {
			if got[j] != first[j] {
				t.Fatalf("client %d: got %s as event %d, want %s", i, got[j], j, first[j])
			}
		}
	}
}

func TestPositionsHoldOnAllHubs(t *testing.T) {
	hubs, _ := newCluster(t, 2)
	receipt, err := hubs[0].Publish(context.Background(), eventOf("price", "", 1))
	if err != nil || receipt.Position.Offset != 1 {
		t.Fatalf("got %+v, %v, want offset 1", receipt, err)
	}
	again, err := hubs[1].PublishWith(context.Background(), eventOf("price", "", 2), fanout.PublishOptions{IdempotencyKey: "k"})
	if err != nil || again.Position.Offset != 2 {
		t.Fatalf("got %+v, %v, want offset 2", again, err)
	}
	repeated, err := hubs[0].PublishWith(context.Background(), eventOf("price", "", 2), fanout.PublishOptions{IdempotencyKey: "k"})
	if err != nil || !repeated.Repeated || repeated.Position != again.Position {
		t.Fatalf("got %+v, %v, want a repeat at %v", repeated, err, again.Position)
	}
	for _, h := range hubs {
		past, err := h.History("price", receipt.Position, 10)
		if err != nil || len(past.Events) != 1 || past.Events[0].Offset != 2 || past.Result != event.Resumed {
			t.Errorf("got %+v, %v, want the second event", past, err)
		}
	}
}

func TestBrokerAwayPlainEventsGoOnLocallyAndStreamsAreRefused(t *testing.T) {
	t.Parallel()
	hubs, engines := newCluster(t, 2)
	here, there := hubs[0].Connect(), hubs[1].Connect()
	here.Subscribe("order", "price")
	there.Subscribe("order", "price")
	hubs[0].DispatchEvent(eventOf("price", "", 1))
	here.Next()
	there.Next()
	engines[0].Cut()
	awaitBroker(t, hubs[0], false)
	if _, err := hubs[0].Publish(context.Background(), eventOf("price", "", 2)); !errors.Is(err, fanout.ErrBroker) {
		t.Errorf("got %v, want ErrBroker", err)
	}
	hubs[0].Patience = time.Minute
	another := hubs[0].Connect()
	another.Subscribe("order", "more")
	if rejected := another.TrySubscribe("latest"); rejected["latest"] != event.Unavailable {
		t.Errorf("got %v, want the stream rejected as unavailable", rejected)
	}
	another.Subscribe("price")
	hubs[0].DispatchEvent(eventOf("order", "", 3))
	here.Expect(eventOf("order", "", 3))
	another.Expect(eventOf("order", "", 3))
	another.Send(eventOf("price", "", 4))
	if reject := another.NextReject(); reject.Reason != event.Unavailable {
		t.Errorf("got %+v, want unavailable", reject)
	}
	hubs[1].DispatchEvent(eventOf("price", "", 5))
	if e := there.Next(); e.Offset != 2 {
		t.Errorf("got %+v, want offset 2", e)
	}
	engines[0].Heal()
	if e := here.Next(); e.Offset != 2 || string(e.Payload) != "5" {
		t.Errorf("got %+v, want what was missed", e)
	}
	another.Subscribe("latest")
	hubs[1].DispatchEvent(eventOf("order", "", 6))
	here.Next()
}

func TestABrokerThatTakesNoEventsOfStreamsIsDegraded(t *testing.T) {
	network := inproc.New()
	h, _, book := member(t, network, fanout.Config{})
	if _, err := h.Publish(context.Background(), eventOf("price", "", 1)); err != nil || h.Broker().Degraded != nil {
		t.Fatalf("got %v and %+v, want a broker that does all", err, h.Broker())
	}
	network.SetFull(true)
	for range 3 {
		if _, err := h.Publish(context.Background(), eventOf("price", "", 2)); !errors.Is(err, fanout.ErrBroker) {
			t.Errorf("got %v, want ErrBroker", err)
		}
	}
	if state := h.Broker(); !state.Up || !errors.Is(state.Degraded, fanout.ErrBroker) || h.Stats().BrokerDegraded != 1 {
		t.Errorf("got %+v, want it up and degraded", state)
	}
	network.SetFull(false)
	if _, err := h.Publish(context.Background(), eventOf("price", "", 3)); err != nil || h.Broker().Degraded != nil || h.Stats().BrokerDegraded != 0 {
		t.Errorf("got %v and %+v, want a broker that does all again", err, h.Broker())
	}
	if refused, again := book.count("ERROR", "takes no events"), book.count("INFO", "takes events of types with a stream again"); refused != 1 || again != 1 {
		t.Errorf("got %d lines that it takes none and %d that it takes some again, want one of each", refused, again)
	}
}

// TestVeryManyTopicsOfStreamsWaitForTheBrokerOnce has a spoke ask for more of them than are carried out at a time.
func TestVeryManyTopicsOfStreamsWaitForTheBrokerOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := inproc.New()
		h, engine, _ := member(t, network, fanout.Config{Policies: []stream.Policy{{Match: "*", History: stream.History{Events: 10}}}})
		h.Patience = time.Minute
		c := h.Connect()
		engine.Cut()
		awaitBroker(t, h, false)
		var topics []string
		for i := range 1000 {
			topics = append(topics, fmt.Sprint("t", i))
		}
		before := time.Now()
		if rejected := c.TrySubscribe(topics...); len(rejected) != len(topics) {
			t.Errorf("got %d topics rejected, want %d", len(rejected), len(topics))
		}
		if took := time.Since(before); took < 4*time.Second || took > 5*time.Second {
			t.Errorf("got %v of the bubble's time until the answer, want the four seconds of one wait", took)
		}
	})
}

// TestManySpokesThatWaitForOneTopicAllGoOn has more of them wait than a turn carries out topics, so that one notice of the broker is for all.
func TestManySpokesThatWaitForOneTopicAllGoOn(t *testing.T) {
	for _, topic := range []string{"order", "price"} {
		t.Run(topic, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, engine, _ := member(t, inproc.New(), fanout.Config{Reactors: 1})
				h.Patience = time.Minute
				clients := make([]*fanouttest.Client, 1200)
				for i := range clients {
					clients[i] = h.Connect()
				}
				engine.SetFaults(inproc.Faults{Delay: time.Second})
				var subscribing sync.WaitGroup
				for _, c := range clients {
					subscribing.Go(func() { c.Subscribe(topic) })
				}
				subscribing.Wait()
				engine.SetFaults(inproc.Faults{})
				if st := h.Stats(); st.Subscriptions != uint64(len(clients)) {
					t.Errorf("got %d subscriptions, want %d", st.Subscriptions, len(clients))
				}
			})
		})
	}
}
