package fanout_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

// messageOf is a message of another hub.
func messageOf(envelope string) []byte {
	return broker.Seal(append(broker.AppendHeader(nil, broker.Header{Origin: 7, At: time.Now()}), envelope...))
}

func TestGarbageFromTheBrokerIsCountedAndStopsNothing(t *testing.T) {
	newer := messageOf(envelope("order", "", "1"))
	newer[2] = broker.Version + 1
	for name, d := range map[string]broker.Delivery{
		"nothing":                     {Kind: broker.Plain},
		"what is no message":          {Kind: broker.Plain, Data: []byte(`{"type":"order","payload":1}`)},
		"a message of a newer hub":    {Kind: broker.Plain, Data: newer},
		"a message without an event":  {Kind: broker.Plain, Data: messageOf("")},
		"half of an event":            {Kind: broker.Plain, Data: messageOf(`{"type":"order"`)},
		"a control event":             {Kind: broker.Plain, Data: messageOf(envelope("__subscribe", "", "1"))},
		"an event without a position": {Kind: broker.Stream, Data: messageOf(envelope("price", "", "1"))},
		"a stream's event as another": {Kind: broker.Plain, Data: messageOf(envelope("price", "", "1"))},
		"a user without a name":       {Kind: broker.Control, Name: "users", Data: messageOf("\xff")},
		"a user and half of an event": {Kind: broker.Control, Name: "users", Data: messageOf("\x01a{")},
		"a loss of nobody knows what": {Kind: broker.Control, Name: "lost", Data: messageOf("[")},
		"half of a heartbeat":         {Kind: broker.Control, Name: "nodes", Data: messageOf(`{"node":"a"`)},
		"a heartbeat of nobody":       {Kind: broker.Control, Name: "nodes", Data: messageOf(`{}`)},
		"a name that is none":         {Kind: broker.Control, Name: "nodes", Data: messageOf(`{"node":"a b"}`)},
		"a claim that is none":        {Kind: broker.Control, Name: "nodes", Data: messageOf(`{"node":"a","claim":9}`)},
	} {
		t.Run(name, func(t *testing.T) {
			hub, engine := newTappedHub(t)
			c := addTo(t, hub).subscribe("order")
			c.follow("price")
			engine.sink.Deliver(d)
			engine.sink.Deliver(broker.Delivery{Kind: broker.Plain, Data: messageOf(envelope("order", "", "2"))})
			c.wants(envelope("order", "", "2"))
			if got := hub.Stats().BrokerGarbage; got != 1 {
				t.Errorf("got %d messages counted as garbage, want 1", got)
			}
		})
	}
}

func TestGarbageInAStreamIsAHoleAndStopsNothing(t *testing.T) {
	_, hubs, engines := newWireCluster(t, stream.Policy{Match: "price", History: stream.History{Events: 100}})
	c, _ := hubs[0].join()
	at := c.follow("price").Position
	hubs[1].publishPrices(1, 1)
	c.wants(kept(1, 1))
	foreign := &broker.Append{Policy: &stream.Policy{Match: "price", History: stream.History{Events: 100}}, Type: "price", Data: []byte("garbage")}
	engines[1].Append(context.Background(), []*broker.Append{foreign})
	if foreign.Err != nil {
		t.Fatal(foreign.Err)
	}
	hubs[1].publishPrices(3, 3)
	c.wants(gapOf("price", at.Epoch, 2, 2, "1"), kept(3, 3))
	back, _ := hubs[0].join()
	answer := back.resume("price", event.Position{Epoch: at.Epoch})
	expect(t, "result", answer.Result, event.Gapped)
	expect(t, "missed", answer.Missed, 1)
	back.wants(kept(1, 1), kept(3, 3))
	behind, _ := hubs[0].join()
	expect(t, "result", behind.resume("price", event.Position{Epoch: at.Epoch, Offset: 2}).Result, event.Resumed)
	behind.wants(kept(3, 3))
	hubs[1].publishPrices(4, 4)
	back.wants(kept(4, 4))
	behind.wants(kept(4, 4))
	if got := hubs[0].hub.Stats().BrokerGarbage; got == 0 {
		t.Error("got no garbage counted, want some")
	}
}

func TestAMessageOfAnotherVersionIsLoggedWithWhatToDo(t *testing.T) {
	_, hubs, engines := newWireCluster(t)
	c, _ := hubs[0].join()
	c.subscribe("order")
	newer := messageOf(envelope("order", "", "1"))
	newer[2] = broker.Version + 1
	if err := engines[1].Publish(context.Background(), []broker.Message{{Key: broker.Key{Kind: broker.Plain, Type: "order"}, Data: bytes.Clone(newer)}}); err != nil {
		t.Fatal(err)
	}
	hubs[1].hub.DispatchEvent(event.Event{Type: "order", Payload: []byte("2")})
	c.wants(envelope("order", "", "2"))
	if hubs[0].log.find("same release") == "" {
		t.Errorf("got the log %q, want a line that says what to do", hubs[0].log.all())
	}
}
