//go:build linux

package storm

import (
	"context"
	"testing"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

func TestConnectsAndKills(t *testing.T) {
	h := startHub(t)
	base := warm(t, h)
	fleet := startSteady(t, h, 200, eventBytes, 100)
	before := sample(t, h)
	churned := Churn{Rate: *rateFlag, Duration: stormTime(), Clients: 256, Topic: "tick", Seed: 1}.Run(t.Context(), h)
	after := sample(t, h)
	fleet.finish(t)
	p99 := report(t, fleet.Fleet, nil)[groupHealthy].Latency.Quantile(0.99)
	closeFleet(t, fleet.Fleet)
	if churned.Failed > 0 || churned.Subscribed == 0 {
		t.Errorf("got %+v, want none that failed and some that subscribed", churned)
	}
	t.Logf("%d connects and kills in %v: %.0f/s, %.1f us of the hub's CPU each; p99 of the healthy %v; in the midst: %v", churned.Connects, churned.Took,
		float64(churned.Connects)/churned.Took.Seconds(), (after.CPU-before.CPU).Seconds()*1e6/float64(churned.Connects), p99, after)
	wantBase(t, h, base)
}

func TestAllKilledInTheMidstOfAFanOut(t *testing.T) {
	spokes := scaled(t, 5_000)
	h := startHub(t)
	base := warm(t, h)
	for round := range 3 {
		fleet := startFleet(t, spokes)
		connect(t, fleet, h, swarm.Plan{Count: spokes, Topics: 1, Size: eventBytes, Subscription: swarm.Subscription{Subscribe: true, Ack: true}})
		published := make(chan error, 1)
		go func() { published <- h.Publish(ticks(0, 500, eventBytes)) }()
		awaitDelivered(t, fleet, 0, uint64(spokes))
		if err := fleet.Kill(); err != nil {
			t.Error(err)
		}
		if err := <-published; err != nil {
			t.Errorf("round %d: %v", round, err)
		}
	}
	wantBase(t, h, base)
}

// ticks are the events of the common topic from one number to another, a line each.
func ticks(from, to, size int) (lines []byte) {
	for seq := from; seq < to; seq++ {
		lines = append(swarm.AppendEvent(lines, 0, uint32(seq), size), '\n')
	}
	return lines
}

func TestUnfinishedHandshakes(t *testing.T) {
	h := startHub(t, "--first-byte-timeout=4s", "--handshake-timeout=6s")
	base := warm(t, h)
	fleet := startSteady(t, h, 100, eventBytes, 100)
	open := sample(t, h)
	count := scaled(t, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ended, err := Unfinished{Count: count, Pause: 100 * time.Millisecond}.Run(ctx, h)
	if err != nil {
		t.Error(err)
	}
	if ended.Answered != count*2/3 || ended.Closed != count-count*2/3 || ended.Open != 0 {
		t.Errorf("got %+v, want two thirds of %d answered with 408 and the silent third closed", ended, count)
	}
	t.Logf("%+v; before %v, after %v", ended, open, sample(t, h))
	fleet.finish(t)
	closeFleet(t, fleet.Fleet)
	wantBase(t, h, base)
}

func TestOneByteASecond(t *testing.T) {
	h := startHub(t, "--ping-interval=1s", "--peer-timeout=5s")
	base := warm(t, h)
	slow, fast := shakeHands(t, h, 1), shakeHands(t, h, 2)
	fast.Write(server.Subscribe("drip:slow"))
	if _, err := fast.ReadText(); err != nil {
		t.Fatal(err)
	}
	const event = `{"type":"drip","id":"slow","payload":"a byte at a time"}`
	go drip(slow, server.Text(event), 120*time.Millisecond)
	got, err := fast.ReadText()
	if err != nil || string(got) != event {
		t.Errorf("got %s and %v, want %s", got, err, event)
	}
	slow.Close()
	fast.Close()
	wantBase(t, h, base)
}

// shakeHands connects a client that answers pings while it reads.
func shakeHands(t *testing.T, h *server.Server, number int) *server.Conn {
	t.Helper()
	c, err := h.Dial(number)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	c.Write(h.Request())
	if err := c.ReadUpgrade(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestGarbage(t *testing.T) {
	h := startHub(t)
	base := warm(t, h)
	fleet := startSteady(t, h, 100, eventBytes, 100)
	codes, err := Garbage{Count: scaled(t, 800), Seed: 1}.Run(t.Context(), h)
	if err != nil {
		t.Error(err)
	}
	if codes[0] != 0 || codes[1002] == 0 || codes[1007] == 0 || codes[1009] == 0 {
		t.Errorf("got ends by code %v, want 1002, 1007 and 1009 among them, and none without a code", codes)
	}
	t.Logf("ends by code: %v", codes)
	fleet.finish(t)
	closeFleet(t, fleet.Fleet)
	wantBase(t, h, base)
}
