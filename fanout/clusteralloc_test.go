//go:build !race

package fanout_test

import (
	"io"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

func TestAllocationsOfAnEventOfAnotherHubAreNone(t *testing.T) {
	hub, engine := newTappedHub(t)
	var clients []*client
	for range 4 {
		clients = append(clients, addTo(t, hub).subscribe("t", "t:1"))
	}
	body := []byte(envelope("t", "1", `{"a":1}`))
	into := make([]byte, len(body)+2)
	sequence := uint64(0)
	data := make([]byte, 0, 256)
	allocations(t, rounds, func() {
		sequence++
		header := broker.Header{Origin: 7, Sequence: sequence, OfType: sequence - 1, At: time.Now()}
		data = broker.Seal(append(broker.AppendHeader(data[:0], header), body...))
		engine.sink.Deliver(broker.Delivery{Kind: broker.Plain, Data: data})
		for _, c := range clients {
			if _, err := io.ReadFull(c.in, into); err != nil {
				t.Fatal(err)
			}
		}
	})
	if st := hub.Stats(); st.BrokerLosses > 0 || st.BrokerRepeated > 0 {
		t.Errorf("got %d losses and %d repeats, want none", st.BrokerLosses, st.BrokerRepeated)
	}
}

func TestAllocationsOfAnEventOfAStreamThatComesFromTheBrokerAreNone(t *testing.T) {
	hub, engine := newTappedHub(t)
	c := addTo(t, hub).subscribeStream("price")
	past, err := hub.History("price", event.Position{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(envelope("price", "1", `{"a":1}`))
	data := broker.Seal(append(broker.AppendHeader(nil, broker.Header{Origin: 7, At: time.Now()}), body...))
	at := past.Position
	allocations(t, rounds, func() {
		at.Offset++
		engine.sink.Deliver(broker.Delivery{Kind: broker.Stream, Position: at, Data: data})
		c.skipFrame()
	})
	if got := hub.Stats().BrokerReceived; got < rounds {
		t.Errorf("got %d events, want %d at least", got, rounds)
	}
}

func TestAllocationsOfAnEventForOtherHubsAreNone(t *testing.T) {
	hub, engine := newTappedHub(t)
	engine.held = make(chan struct{})
	defer close(engine.held)
	for _, e := range []event.Event{{Type: "t", ID: "1", Payload: []byte("1")}, {Type: "user", ID: "1", Payload: []byte("1")}} {
		allocations(t, rounds, func() { hub.DispatchEvent(e) })
	}
}
