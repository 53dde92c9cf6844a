package spoke_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// TestATopicInDoubtGoesOnWhereItIs has a reject without an id name a topic of a stream: it is of an event, or of the subscription, which the
// hub has given back by the time it is asked.
func TestATopicInDoubtGoesOnWhereItIs(t *testing.T) {
	for name, c := range map[string]struct {
		answer event.AckPosition
		behind []uint64
	}{
		"the event was refused":              {fresh("x7", 44), []uint64{43, 44, 45}},
		"the subscription was taken away":    {resumed("x7", 44), []uint64{43, 44, 45}},
		"it was given back ahead of a break": {resumed("x7", 42), []uint64{43, 44, 45}},
	} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan []string, 1)
			url := scripted(t, func(conn *serverConn, _ int) {
				conn.ackAt(conn.next(), map[string]event.AckPosition{"price": fresh("x7", 40)})
				conn.sendAt("price", "a", 41)
				conn.sendAt("price", "a", 42)
				conn.send(`{"type":"__reject","id":"","payload":{"topic":"price","reason":"forbidden"}}`)
				message := conn.next()
				asked <- sinceOf(t, message)
				conn.ackAt(message, map[string]event.AckPosition{"price": c.answer})
				for _, offset := range c.behind {
					conn.sendAt("price", "a", offset)
				}
				conn.serve(nil)
			})
			client := dial(t, url, spoke.Config{OnGap: func(g event.Gap) { t.Errorf("a gap was told: %+v", g) }})
			heard := make(chan uint64, 10)
			client.AddEventListener("price", func(e event.Event) { heard <- e.Offset })
			var got []string
			for range 5 {
				got = append(got, fmt.Sprint(await(t, "an event", heard)))
			}
			if want := []string{"41", "42", "43", "44", "45"}; !slices.Equal(got, want) {
				t.Errorf("heard %q, want %q", got, want)
			}
			if got := await(t, "the subscription", asked); !slices.Equal(got, []string{"price x7:42"}) {
				t.Errorf("the client asked for %q, want price behind x7:42", got)
			}
			if p, ok := client.Position("price"); p != at("x7", 45) || !ok {
				t.Errorf("Position() = %v, %v, want x7:45", p, ok)
			}
		})
	}
}

// TestATopicThatWasTakenAwayResumesWhenItIsGivenBack has the hub refuse a topic in force, and another reference ask for it again.
func TestATopicThatWasTakenAwayResumesWhenItIsGivenBack(t *testing.T) {
	asked := make(chan []string, 2)
	url := scripted(t, func(conn *serverConn, _ int) {
		conn.ackAt(conn.next(), map[string]event.AckPosition{"price": fresh("x7", 40)})
		conn.sendAt("price", "a", 41)
		conn.send(`{"type":"__reject","id":"","payload":{"topic":"price","reason":"forbidden"}}`)
		conn.reject(conn.next(), "price", event.Forbidden)
		message := conn.next()
		for isProbe(message) {
			conn.ack(message)
			message = conn.next()
		}
		asked <- sinceOf(t, message)
		conn.ackAt(message, map[string]event.AckPosition{"price": resumed("x7", 50)})
		conn.sendAt("price", "a", 50)
		conn.serve(nil)
	})
	rejects, heard := make(chan *spoke.RejectError, 10), make(chan uint64, 10)
	client := dial(t, url, spoke.Config{OnReject: func(e *spoke.RejectError) { rejects <- e }})
	client.AddEventListener("price", func(e event.Event) { heard <- e.Offset })
	await(t, "OnReject", rejects)
	if err := client.Subscribe(t.Context(), "price"); err != nil {
		t.Fatal(err)
	}
	if got := await(t, "the subscription", asked); !slices.Equal(got, []string{"price x7:41"}) {
		t.Errorf("the client asked for %q, want price behind x7:41", got)
	}
	for _, want := range []uint64{41, 50} {
		if got := await(t, "an event", heard); got != want {
			t.Errorf("heard %d, want %d", got, want)
		}
	}
}
