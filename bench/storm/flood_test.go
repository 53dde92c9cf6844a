//go:build linux

package storm

import (
	"testing"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

func TestAPublisherThatOverwhelms(t *testing.T) {
	const victims = 200
	h := startHub(t, "--queue-limit=256KiB", "--close-timeout=1s")
	base := warm(t, h)
	healthy := startSteady(t, h, 200, eventBytes, 100)
	fleet := startFleet(t, victims)
	connect(t, fleet, h, swarm.Plan{Group: groupVictims, FirstTopic: 1, Count: victims, Topics: 1, Size: 1024, Subscription: swarm.Subscription{Subscribe: true, Ack: true}})
	connect(t, fleet, h, swarm.Plan{Group: groupFlood, Count: 1, First: 1 << 20, Size: 1024}, 0)
	err := fleet.Publish(swarm.Publication{
		Kind: swarm.PublishFlood, Group: groupVictims, Writers: groupFlood, FirstTopic: 1, Topics: 1, Size: 1024, Batch: 64,
	}, []int{0})
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(stormTime())
	var maxRSS int64
	awaitSample(t, h, "the flood's end", func(s server.Sample) bool {
		maxRSS = max(maxRSS, s.Memory.RSS)
		return time.Now().After(end)
	})
	sent, err := fleet.Pause()
	if err != nil {
		t.Fatal(err)
	}
	var got swarm.Report
	awaitSample(t, h, "the queues' end and as many connections ended as are closed for backpressure", func(s server.Sample) bool {
		got = report(t, fleet, nil)[groupVictims]
		return s.Metrics[server.Queued] == 0 && float64(got.Faults.Closed) == s.Metrics[server.Backpressured]
	})
	wantOnlyEnds(t, "flooded spokes", got)
	t.Logf("%d events for %d spokes in %v: %d delivered, %d spokes ended, by code %v; %.1f MB resident at most",
		sent[groupVictims], victims, stormTime(), got.Delivered, got.Faults.Closed, got.Closes, float64(maxRSS)/1e6)
	closeFleet(t, fleet)
	healthy.finish(t)
	closeFleet(t, healthy.Fleet)
	wantBase(t, h, base)
}
