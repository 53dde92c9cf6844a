package fanout_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
)

// TestAFloodToOneStreamWaitsAndOthersArePublished has a spoke publish far more than the broker takes in time: it is not read for a while, nothing of it is refused, and
// an event of another spoke is appended meanwhile.
func TestAFloodToOneStreamWaitsAndOthersArePublished(t *testing.T) {
	network := inproc.New()
	engine := network.Engine()
	h := fanouttest.New(t, fanout.Config{Relay: true, Policies: clusterPolicies, Broker: engine, MaxEventsPerSecond: 1 << 20, MaxBytesPerSecond: 1 << 30})
	h.Patience = time.Minute
	awaitBroker(t, h, true)
	flooder, other := h.Connect(), h.Connect()
	engine.SetFaults(inproc.Faults{Delay: 20 * time.Millisecond})
	const events = 1500
	payload := `"` + strings.Repeat("x", 8<<10) + `"`
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for range events {
			flooder.Send(eventOf("price", "", payload))
		}
	}()
	for h.Stats().BrokerWaiting < 200<<10 {
		time.Sleep(time.Millisecond)
	}
	other.Subscribe("latest")
	other.Send(eventOf("latest", "a", 1))
	if e := other.Next(); fmt.Sprint(e.Type, e.ID) != "latesta" {
		t.Errorf("got %+v, want its own event from the stream", e)
	}
	if waiting := h.Stats().BrokerWaiting; waiting > 1<<20 {
		t.Errorf("got %d bytes of one spoke that wait for the broker, want a small share of the queue", waiting)
	}
	if h.Stats().Memory.Broker == 0 {
		t.Error("got none of that in the memory")
	}
	engine.SetFaults(inproc.Faults{})
	<-sent
	for deadline := time.Now().Add(time.Minute); h.Stats().BrokerAppended < events+1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("got %d events appended, want %d", h.Stats().BrokerAppended, events+1)
		}
	}
	if st := h.Stats(); st.Unavailable != 0 || st.BrokerWaiting != 0 {
		t.Errorf("got %d events refused and %d bytes waiting, want none", st.Unavailable, st.BrokerWaiting)
	}
}

// TestASpokeThatWaitsForTheAppendQueueGoesOn has the embedder fill more than half of the queue, so that a spoke may have one event in it at a time.
func TestASpokeThatWaitsForTheAppendQueueGoesOn(t *testing.T) {
	engine := inproc.New().Engine()
	h := fanouttest.New(t, fanout.Config{Relay: true, Policies: clusterPolicies, Broker: engine, Reactors: 1, MaxEventsPerSecond: 1 << 20, MaxBytesPerSecond: 1 << 30})
	awaitBroker(t, h, true)
	spoke := h.Connect()
	engine.SetFaults(inproc.Faults{Delay: 300 * time.Millisecond})
	e := eventOf("price", "", `"`+strings.Repeat("x", 60<<10)+`"`)
	dispatched := uint64(0)
	for h.Stats().BrokerWaiting < 6<<20 {
		h.DispatchEvent(e)
		dispatched++
	}
	for i := range 3 {
		spoke.Send(eventOf("price", "", i))
	}
	for deadline := time.Now().Add(time.Minute); h.Stats().BrokerAppended < dispatched+3; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("got %d events appended, want %d: a spoke waits and is not told", h.Stats().BrokerAppended, dispatched+3)
		}
	}
}
