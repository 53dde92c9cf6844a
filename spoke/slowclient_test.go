package spoke_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
	"github.com/spokehub/spokehub/stream"
)

// TestASlowClientKnowsWhatItMisses is promise 14, seen by a client whose listener stops at the first event until all are out: what it hears and
// what its gaps say is missing are all events, and the last one comes.
func TestASlowClientKnowsWhatItMisses(t *testing.T) {
	const events = 10_000
	for name, policy := range map[string]stream.Policy{
		"latest":   {History: stream.History{Events: events}, Behind: stream.Latest},
		"trimmed":  {History: stream.History{Events: 1000}, Behind: stream.CatchUp},
		"catch-up": {History: stream.History{Events: events, Bytes: 64 << 20}, Behind: stream.CatchUp},
		"skip":     {Behind: stream.Skip},
	} {
		t.Run(name, func(t *testing.T) {
			policy.Match = "price"
			hub, url := startHub(t, fanout.Config{QueueLimit: 128 << 10, Policies: []stream.Policy{policy}})
			heard, missed, last := int64(0), int64(0), uint64(0)
			allOut, done := make(chan struct{}), make(chan struct{})
			account := func() {
				if heard+missed == events {
					close(done)
				}
			}
			client := dial(t, url, spoke.Config{OnGap: func(g event.Gap) {
				missed += g.Missed
				account()
			}})
			client.AddEventListener("price", func(e event.Event) {
				<-allOut
				if heard++; policy.History.Events > 0 && e.Offset <= last {
					t.Errorf("event %d came behind %d", e.Offset, last)
				}
				last = e.Offset
				account()
			})
			flush(t, client)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			for i := range events {
				e := event.Event{Type: "price", ID: fmt.Sprint(i % 7), Payload: []byte(`"` + strings.Repeat("x", 2000) + `"`)}
				if _, err := hub.Publish(ctx, e); err != nil {
					t.Fatal(err)
				}
			}
			close(allOut)
			await(t, "word of all events", done)
			flush(t, client)
			client.Close()
			<-client.Done()
			if heard+missed != events {
				t.Errorf("heard %d, and %d are missing by the gaps, want %d in all", heard, missed, events)
			}
			if name != "skip" && last != events {
				t.Errorf("the last event is %d, want %d", last, events)
			}
			if stats := client.Stats(); stats.Repeated != 0 || (name == "catch-up") != (stats.Gaps == 0) {
				t.Errorf("Stats() has %d events that came again and %d gaps", stats.Repeated, stats.Gaps)
			}
		})
	}
}
