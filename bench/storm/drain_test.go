//go:build linux

package storm

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

const restart = 1012

// exitCode waits for the hub's end.
func exitCode(t *testing.T, h *server.Server) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	code, err := h.Wait(ctx)
	if err != nil {
		t.Fatalf("%v; it logged %q", err, h.LastLines())
	}
	return code
}

// wantDrained wants that each spoke got the events of the hub's ledger, and 1012 with a hint that is its own.
func wantDrained(t *testing.T, h *server.Server, fleet *swarm.Fleet, spokes int) {
	t.Helper()
	ledger := logged(h, "drained")
	if ledger == nil {
		t.Fatalf("got no line about a drain, but %q", h.LastLines())
	}
	delivered, _ := ledger["delivered"].(float64)
	dropped, known := ledger["dropped_closed"].(float64)
	awaitDelivered(t, fleet, 0, uint64(delivered))
	got := report(t, fleet, nil)[0]
	if got.Delivered != uint64(delivered) || dropped != 0 || !known {
		t.Errorf("got %d events at the spokes, and by the hub's ledger %.0f delivered and %.0f dropped; want the same and none dropped",
			got.Delivered, delivered, dropped)
	}
	wantOnlyEnds(t, "drained spokes", got)
	if got.Closes[restart] != spokes || len(got.Closes) != 1 {
		t.Errorf("got closes %v, want %d with 1012", got.Closes, spokes)
	}
	wantSpread(t, got.Retries, spokes)
}

// wantSpread wants a hint from every spoke, and hints in each quarter of their range.
func wantSpread(t *testing.T, hints []int, spokes int) {
	t.Helper()
	if len(hints) != spokes {
		t.Fatalf("got %d retry hints, want %d", len(hints), spokes)
	}
	low, high := slices.Min(hints), slices.Max(hints)
	quarters := [4]int{}
	for _, hint := range hints {
		quarters[min((hint-low)*4/max(high-low, 1), 3)]++
	}
	if slices.Min(quarters[:]) < spokes/8 || high < 2*low {
		t.Errorf("got %v hints by quarters of %d to %d ms, want them spread", quarters, low, high)
	}
	t.Logf("retry hints from %d to %d ms, by quarters %v", low, high, quarters)
}

func TestDrainOfFifteenThousandSpokesLosesNothing(t *testing.T) {
	spokes := scaled(t, 15_000)
	h := startHub(t, "--drain-period=2s", "--drain-timeout=80s")
	fleet := startFleet(t, spokes)
	connect(t, fleet, h, swarm.Plan{Count: spokes, Topics: 1, Size: eventBytes, Subscription: swarm.Subscription{Subscribe: true, Ack: true}})
	if err := h.Publish(ticks(0, 10, eventBytes)); err != nil {
		t.Fatal(err)
	}
	if err := h.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	published := 10
	for h.Publish(ticks(published, published+1, eventBytes)) == nil {
		published++
	}
	if code := exitCode(t, h); code != 0 {
		t.Errorf("got exit code %d, want 0", code)
	}
	wantDrained(t, h, fleet, spokes)
	t.Logf("%d events were published, %d of them while %d spokes were drained: %v", published, published-10, spokes, logged(h, "drained"))
	closeFleet(t, fleet)
}

func TestDrainFlushesFullQueues(t *testing.T) {
	const spokes, events = 200, 200
	h := startHub(t, "--drain-timeout=80s", "--close-timeout=60s")
	fleet := startFleet(t, spokes)
	connect(t, fleet, h, swarm.Plan{Count: spokes, Topics: 1, Size: 4096, Subscription: swarm.Subscription{Subscribe: true, Ack: true}})
	if err := fleet.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := h.Publish(ticks(0, events, 4096)); err != nil {
		t.Fatal(err)
	}
	full := awaitSample(t, h, "full sockets", func(s server.Sample) bool { return s.Metrics[server.Blocked] == spokes })
	if err := errors.Join(h.Signal(syscall.SIGTERM), fleet.Signal(syscall.SIGCONT)); err != nil {
		t.Fatal(err)
	}
	if code := exitCode(t, h); code != 0 {
		t.Errorf("got exit code %d, want 0", code)
	}
	wantDrained(t, h, fleet, spokes)
	if got := report(t, fleet, nil)[0].Delivered; got != spokes*events {
		t.Errorf("got %d events, want %d: %.0f were queued when the drain began", got, spokes*events, full.Metrics[server.Queued])
	}
	closeFleet(t, fleet)
}

func TestSecondSignalEndsTheDrainAtOnce(t *testing.T) {
	h := startHub(t, "--drain-period=10h", "--drain-timeout=20h")
	fleet := startFleet(t, 100)
	connect(t, fleet, h, swarm.Plan{Count: 100, Topics: 1, Size: eventBytes, Subscription: swarm.Subscription{Subscribe: true, Ack: true}})
	if err := h.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for logged(h, "draining") == nil {
		if _, err := h.Sample(); err != nil {
			t.Fatal(err)
		}
	}
	signalUntilEnd(h, syscall.SIGTERM)
	if code := exitCode(t, h); code != 1 {
		t.Errorf("got exit code %d, want 1", code)
	}
	closeFleet(t, fleet)
}

// signalUntilEnd repeats a signal: the hub takes one that comes right behind the first for the same.
func signalUntilEnd(h *server.Server, signal os.Signal) {
	again := time.NewTicker(checkEvery)
	defer again.Stop()
	for end := time.After(patience); ; {
		_ = h.Signal(signal)
		select {
		case <-h.Done():
			return
		case <-end:
			return
		case <-again.C:
		}
	}
}

// logged returns the last JSON line of the hub's log with a message; nil if there is none among the lines that are kept.
func logged(h *server.Server, message string) (found map[string]any) {
	for _, text := range h.LastLines() {
		var line map[string]any
		if json.Unmarshal([]byte(text), &line) == nil && line["msg"] == message {
			found = line
		}
	}
	return found
}
