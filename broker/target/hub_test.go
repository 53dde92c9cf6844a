package target_test

import (
	"context"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/broker/target"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
)

// TestHubsAndTargetsHearOneAnother has a spoke of a hub get what a target dispatches, and a target hear what a spoke sends.
func TestHubsAndTargetsHearOneAnother(t *testing.T) {
	network, got := inproc.New(), &record{}
	hub := fanouttest.New(t, fanout.Config{Relay: true, Policies: mixed, Broker: network.Engine()})
	for deadline := time.Now().Add(patience); !hub.Broker().Up; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for the hub's broker")
		}
	}
	service := open(t, target.Config{Broker: network.Engine(), Policies: mixed, OnLoss: got.loss})
	awaitUp(t, service)
	spoke := hub.Connect()
	spoke.Subscribe("price", "user:7", "order")
	for _, topic := range []string{"bid", "user:8", "order"} {
		service.AddEventListener(topic, got.event)
	}
	settle(t, service)

	publish(t, service, "price", "EURUSD", "1")
	publish(t, service, "user", "7", "2")
	publish(t, service, "user", "9", "3")
	if !service.DispatchEvent(event.Event{Type: "price", Payload: []byte("4")}) {
		t.Error("DispatchEvent = false, want true")
	}
	spoke.Expect(event.Event{Type: "price", ID: "EURUSD", Payload: []byte("1")}, event.Event{Type: "user", ID: "7", Payload: []byte("2")},
		event.Event{Type: "price", Payload: []byte("4")})
	receipt := publish(t, service, "order", "a", "5")
	if e := spoke.Next(); e.Type != "order" || e.Offset != receipt.Position.Offset || string(e.Payload) != "5" {
		t.Errorf("got %+v, want the order at %v", e, receipt.Position)
	}
	got.expect(t, "order:a 5")

	spoke.Send(event.Event{Type: "bid", ID: "1", Payload: []byte("6")})
	spoke.Send(event.Event{Type: "user", ID: "8", Payload: []byte("7")})
	spoke.Send(event.Event{Type: "user", ID: "6", Payload: []byte("8")})
	spoke.Send(event.Event{Type: "bid", Payload: []byte("9")})
	got.expect(t, "order:a 5", "bid:1 6", "user:8 7", "bid: 9")
	if _, err := hub.Publish(context.Background(), event.Event{Type: "order", ID: "b", Payload: []byte("10")}); err != nil {
		t.Fatal(err)
	}
	got.expect(t, "order:a 5", "bid:1 6", "user:8 7", "bid: 9", "order:b 10")
}
