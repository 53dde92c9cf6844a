package spoke_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// loseBroker is the script of a hub that loses its broker once loops have subscribed to order and order:7. It sends an event of each behind the
// gaps, and then one of done. The next connection's subscription goes to asked.
func loseBroker(t *testing.T, asked chan<- []string) script {
	return func(c *serverConn, number int) {
		message := c.next()
		if number == 1 {
			asked <- sinceOf(t, message)
			c.serve(nil)
			return
		}
		c.ackAt(message, map[string]event.AckPosition{"price": fresh("x7", 40), "price:a": fresh("x7", 40)})
		c.sendAt("price", "b", 41)
		for loops := 0; loops < 2; {
			message := c.next()
			loops += len(parse(message).Payload.Topics)
			c.ack(message)
		}
		c.send(`{"type":"__gap","id":"","payload":{"topic":"order","missed":null,"reason":"broker"}}`)
		c.send(`{"type":"__gap","id":"","payload":{"topic":"price","missed":null,"reason":"broker"}}`)
		c.send(`{"type":"order","id":"7","payload":1}`)
		c.send(`{"type":"done"}`)
		c.serve(nil)
	}
}

// TestAGapWithoutAnEpochIsToldOnceAndMovesNothing has a hub lose its broker: what is gone of types without a stream has no place in one.
func TestAGapWithoutAnEpochIsToldOnceAndMovesNothing(t *testing.T) {
	asked := make(chan []string, 1)
	gaps, done := make(chan event.Gap, 10), make(chan struct{}, 1)
	client := dial(t, scripted(t, loseBroker(t, asked)), spoke.Config{OnGap: func(g event.Gap) { gaps <- g }})
	if err := client.Subscribe(t.Context(), "done", "price", "price:a"); err != nil {
		t.Fatal(err)
	}
	client.AddEventListener("done", func(event.Event) { done <- struct{}{} })
	var loops sync.WaitGroup
	defer loops.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, topic := range []string{"order", "order:7"} {
		loops.Go(func() {
			told := 0
			for e, err := range client.Events(ctx, topic) {
				if gap, ok := errors.AsType[*spoke.GapError](err); ok {
					told++
					if want := (event.Gap{Topic: "order", Missed: -1, Reason: event.GapBroker}); gap.Gap != want {
						t.Errorf("the loop over %s got %+v, want %+v", topic, gap.Gap, want)
					}
					continue
				}
				if err != nil || told != 1 || e.ID != "7" {
					t.Errorf("the loop over %s got %+v, %v behind %d gaps, want the event behind one", topic, e, err, told)
				}
				return
			}
		})
	}
	await(t, "the last event", done)
	if len(gaps) != 2 {
		t.Fatalf("OnGap was told %d gaps, want 2", len(gaps))
	}
	for _, topic := range []string{"order", "price"} {
		if g, want := <-gaps, (event.Gap{Topic: topic, Missed: -1, Reason: event.GapBroker}); g != want {
			t.Errorf("OnGap was told %+v, want %+v", g, want)
		}
	}
	for _, topic := range []string{"price", "price:a"} {
		if p, ok := client.Position(topic); !ok || p != at("x7", 41) {
			t.Errorf("Position(%q) = %v, %v, want x7:41", topic, p, ok)
		}
	}
	loops.Wait()
	client.Reconnect()
	if got, want := await(t, "the next subscription", asked), []string{"done", "price x7:41", "price:a x7:41"}; !slices.Equal(got, want) {
		t.Errorf("the client asked for %q, want %q", got, want)
	}
}
