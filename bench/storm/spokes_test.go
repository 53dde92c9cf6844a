//go:build linux

package storm

import (
	"testing"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	mixedEvents = 100
	ownEvery    = 5
)

// mixture publishes a hundred events to each spoke: four of the common topic, then one to everybody's own, and so on.
func mixture(t *testing.T, h *server.Server, spokes int) {
	t.Helper()
	common, own := uint32(0), uint32(0)
	for event := range mixedEvents {
		var lines []byte
		if event%ownEvery != ownEvery-1 {
			lines = append(swarm.AppendEvent(lines, 0, common, eventBytes), '\n')
			common++
		} else {
			for spoke := range spokes {
				lines = append(swarm.AppendEvent(lines, uint32(1+spoke), own, eventBytes), '\n')
			}
			own++
		}
		if err := h.Publish(lines); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFifteenThousandSpokes(t *testing.T) {
	spokes := scaled(t, 15_000)
	h := startHub(t)
	before := warm(t, h)

	fleet := startFleet(t, spokes)
	opened := connect(t, fleet, h, swarm.Plan{
		Count: spokes, FirstTopic: 1, Topics: spokes, Size: eventBytes, Subscription: swarm.Subscription{Subscribe: true, Ack: true, Both: true},
	})
	idle := awaitSample(t, h, "quiet", func(s server.Sample) bool { return s.Metrics[server.Queued] == 0 })
	if got, want := idle.Metrics[server.Subscriptions], float64(2*spokes); got != want {
		t.Errorf("got %.0f subscriptions, want %.0f", got, want)
	}
	t.Logf("%d spokes in %v: %v", spokes, opened.Took.Round(time.Millisecond), idle)
	t.Logf("%.0f bytes of process memory for an idle spoke with two subscriptions", float64(idle.Memory.RSS-before.Memory.RSS)/float64(spokes))

	start := sample(t, h)
	mixture(t, h, spokes)
	deliveries := uint64(spokes * mixedEvents)
	awaitDelivered(t, fleet, 0, deliveries)
	end := awaitSample(t, h, "the queues' end", func(s server.Sample) bool { return s.Metrics[server.Queued] == 0 })
	if got := fleet.Counters().Delivered(0); got != deliveries {
		t.Errorf("got %d events, want %d: %d for each of %d spokes", got, deliveries, mixedEvents, spokes)
	}
	wantNoFaults(t, "spokes", report(t, fleet, nil)[0])
	wantLedger(t, h)
	t.Logf("%d deliveries in %v: %.2f us of the hub's CPU each, publishing included; %v", deliveries, end.At.Sub(start.At).Round(time.Millisecond),
		(end.CPU-start.CPU).Seconds()*1e6/float64(deliveries), end)

	if err := fleet.Kill(); err != nil {
		t.Error(err)
	}
	wantBase(t, h, before)
}
