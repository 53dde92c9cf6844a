//go:build linux

package storm

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	patience   = 60 * time.Second
	checkEvery = 20 * time.Millisecond
	eventBytes = 128
	warmSpokes = 1000
)

var (
	fullFlag     = flag.Bool("full", false, "run the storms at full size instead of a fifth of the spokes, as with CI=true in the environment")
	durationFlag = flag.Duration("storm.duration", 0, "how long connects, kills and floods go on (0: 1s, or 3s with -full)")
	rateFlag     = flag.Float64("storm.rate", 5000, "connects and kills a second, as far as the machine gives them")
)

var binary string

func TestMain(m *testing.M) {
	swarm.RunIfChild()
	flag.Parse()
	os.Exit(buildAndRun(m))
}

// buildAndRun builds the hub with the race detector when the tests have it.
func buildAndRun(m *testing.M) int {
	directory, err := os.MkdirTemp("", "storm")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(directory)
	var flags []string
	if raceEnabled {
		flags = append(flags, "-race")
	}
	if binary, err = server.Build("", directory, "cmd/spokehub", flags...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func full() bool { return *fullFlag || os.Getenv("CI") == "true" }

// scaled is how many spokes a test has of those that it has at full size.
func scaled(t *testing.T, spokes int) int {
	t.Helper()
	limit, err := swarm.RaiseFileLimit()
	if err != nil {
		t.Fatal(err)
	}
	allowed := spokes
	switch {
	case raceEnabled:
		allowed = max(spokes/15, 100)
	case !full():
		allowed = max(spokes/5, 100)
	}
	allowed = min(allowed, limit.Room())
	if allowed < spokes {
		t.Logf("%d spokes of %d: file limit %d, full %v, race detector %v", allowed, spokes, limit, full(), raceEnabled)
	}
	return allowed
}

// stormTime is how long a storm goes on that lasts by the clock.
func stormTime() time.Duration {
	switch {
	case *durationFlag > 0:
		return *durationFlag
	case full():
		return 3 * time.Second
	}
	return time.Second
}

// startHub starts a hub, which must drain well at the end of the test.
func startHub(t *testing.T, flags ...string) *server.Server {
	t.Helper()
	return startCommand(t, server.HubCommand(binary, flags...))
}

// startHubWithin is startHub with a memory limit for Go's runtime.
func startHubWithin(t *testing.T, memory int64, flags ...string) *server.Server {
	t.Helper()
	return startCommand(t, append([]string{"env", fmt.Sprintf("GOMEMLIMIT=%d", memory)}, server.HubCommand(binary, flags...)...))
}

func startCommand(t *testing.T, command []string) *server.Server {
	t.Helper()
	h, err := server.Start(nil, command)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer h.Kill()
		select {
		case <-h.Done():
			return
		default:
		}
		h.Signal(unix.SIGTERM)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if code, err := h.Wait(ctx); code != 0 || err != nil {
			t.Errorf("got exit code %d and %v at the end, want 0; the hub logged %q", code, err, h.LastLines())
		}
	})
	return h
}

// startFleet starts client processes for a number of spokes. The test must close or kill them.
func startFleet(t *testing.T, spokes int) *swarm.Fleet {
	t.Helper()
	limit, err := swarm.RaiseFileLimit()
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := swarm.StartFleet(limit.Processes(spokes, 2), nil, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	return fleet
}

func closeFleet(t *testing.T, fleet *swarm.Fleet) {
	t.Helper()
	if err := fleet.Close(); err != nil {
		t.Error(err)
	}
}

func connect(t *testing.T, fleet *swarm.Fleet, h *server.Server, plan swarm.Plan, processes ...int) swarm.Opened {
	t.Helper()
	plan.Server = swarm.Server{Address: h.Address, Path: h.Path}
	if len(processes) == 0 {
		processes = fleet.All()
	}
	opened, err := fleet.Connect(plan, processes)
	if err != nil {
		t.Fatalf("%v; the hub logged %q", err, h.LastLines())
	}
	return opened
}

func sample(t *testing.T, h *server.Server) server.Sample {
	t.Helper()
	s, err := h.Sample()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// awaitSample waits for a sample that satisfies a condition.
func awaitSample(t *testing.T, h *server.Server, what string, satisfied func(server.Sample) bool) server.Sample {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := h.Await(ctx, satisfied)
	if err != nil {
		t.Fatalf("waiting for %s: %v, got %v; the hub logged %q", what, err, s, h.LastLines())
	}
	return s
}

// awaitDelivered waits until the subscribers of a group have so many events.
func awaitDelivered(t *testing.T, fleet *swarm.Fleet, group int, want uint64) {
	t.Helper()
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for end := time.Now().Add(patience); fleet.Counters().Delivered(group) < want; <-ticker.C {
		if time.Now().After(end) {
			t.Errorf("got %d deliveries, want %d", fleet.Counters().Delivered(group), want)
			return
		}
	}
}

func report(t *testing.T, fleet *swarm.Fleet, sent []uint64) []swarm.Report {
	t.Helper()
	reports, err := fleet.Report(sent)
	if err != nil {
		t.Fatal(err)
	}
	return reports
}

func wantNoFaults(t *testing.T, who string, r swarm.Report) {
	t.Helper()
	if r.Faults != (swarm.Faults{}) {
		t.Errorf("%s: got %+v (%s; closes %v), want no fault", who, r.Faults, r.Example, r.Closes)
	}
}

func wantLedger(t *testing.T, h *server.Server) {
	t.Helper()
	if err := sample(t, h).Metrics.Ledger(0); err != nil {
		t.Error(err)
	}
}

// wantBase waits until nothing is left of a storm: the index is empty, and the queues, connections and descriptors are as before. So is
// the memory, within a fifth and the 64 pages that Go's allocator caches for each processor out of its scavenger's reach.
func wantBase(t *testing.T, h *server.Server, base server.Sample) server.Sample {
	t.Helper()
	const fifth = 1.2
	atHand := float64(runtime.GOMAXPROCS(0) * 64 * 8 << 10)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	began := time.Now()
	got, err := h.Await(ctx, func(s server.Sample) bool {
		inMemory := raceEnabled || float64(s.Memory.RSS) <= fifth*float64(base.Memory.RSS)+atHand
		return inMemory && settledLike(s, base) && s.Goroutines <= base.Goroutines && s.Metrics.Ledger(0) == nil
	})
	if err != nil {
		t.Errorf("got %v, want as before: %v (%v; ledger: %v)", got, base, err, got.Metrics.Ledger(0))
	}
	if got.Metrics[server.Panics] != 0 {
		t.Errorf("got %.0f panics, want none", got.Metrics[server.Panics])
	}
	t.Logf("before: %v", base)
	t.Logf("after %v: %v, %.0f %% of the memory", time.Since(began).Round(time.Millisecond), got, 100*float64(got.Memory.RSS)/float64(base.Memory.RSS))
	return got
}

// warm has the hub run through its code once, with a thousand spokes that connect, receive events and disconnect. Memory that Go's
// allocator never returns after that, mainly its own tables, counts as there before a storm.
func warm(t *testing.T, h *server.Server) server.Sample {
	t.Helper()
	fresh := sample(t, h)
	awaitSample(t, h, "the end of the first scrape", func(s server.Sample) bool {
		scraped := s.Descriptors >= fresh.Descriptors
		fresh.Descriptors = min(fresh.Descriptors, s.Descriptors)
		return scraped
	})
	spokes := scaled(t, warmSpokes)
	fleet := startFleet(t, spokes)
	connect(t, fleet, h, swarm.Plan{
		Count: spokes, FirstTopic: 1, Topics: spokes, Size: eventBytes, Subscription: swarm.Subscription{Subscribe: true, Ack: true, Both: true},
	})
	mixture(t, h, spokes)
	awaitDelivered(t, fleet, 0, uint64(spokes*mixedEvents))
	closeFleet(t, fleet)
	base := awaitSample(t, h, "the warm-up's end", func(s server.Sample) bool { return settledLike(s, fresh) })
	t.Logf("fresh: %v", fresh)
	return base
}

// settledLike reports whether nothing is open, subscribed or queued beyond what an earlier sample had.
func settledLike(s, earlier server.Sample) bool {
	for _, name := range []string{server.Connections, server.Topics, server.Subscriptions, server.Queued, server.QueuedBytes} {
		if s.Metrics[name] != earlier.Metrics[name] {
			return false
		}
	}
	return s.Descriptors <= earlier.Descriptors
}
