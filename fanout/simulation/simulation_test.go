//go:build faults && linux

package simulation

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

var (
	firstSeed = flag.Uint64("sim.seed", 1, "the first seed of the simulation")
	seeds     = flag.Int("sim.seeds", 500, "how many seeds the simulation plays")
	repeat    = flag.Int("sim.repeat", 1, "how often the simulation plays each seed")
	announce  = flag.Bool("sim.announce", false, "whether the simulation names each seed before it plays it")
	patience  = flag.Duration("sim.patience", 10*time.Second, "how long the simulation waits for what must come")
)

const (
	progressEvery = 2 * time.Second
	// seedsForAll is how many seeds show every kind of fault and of end.
	seedsForAll = 200
)

// TestHubKeepsItsPromisesUnderEverySchedule plays -sim.seeds seeds from -sim.seed on. Of a seed that fails it prints how to replay
// it and what was done up to the failure.
func TestHubKeepsItsPromisesUnderEverySchedule(t *testing.T) {
	began, reported := time.Now(), time.Now()
	total := tally{faults: make(map[string]uint64), causes: make(map[fanout.CauseKind]int),
		attacks: make(map[string]int), told: make(map[int]int), ways: make(map[string]int), followed: make(map[string]int)}
	for i := range *seeds {
		for range *repeat {
			total.add(play(t, *firstSeed+uint64(i)))
		}
		if time.Since(reported) > progressEvery {
			reported = time.Now()
			fmt.Fprintf(os.Stderr, "simulation: %d of %d seeds in %v\n", i+1, *seeds, time.Since(began).Round(time.Second))
		}
	}
	t.Logf("%d seeds in %v: %v", *seeds**repeat, time.Since(began).Round(time.Millisecond), total)
	if *seeds >= seedsForAll {
		total.requireAll(t)
	}
}

// tally is what happened in some seeds.
type tally struct {
	actions int
	clients int
	events  int
	arrived uint64
	faults  map[string]uint64
	causes  map[fanout.CauseKind]int
	// ways counts the clients by how they reached the hub, the strangers by what they did, and connections that were given back.
	ways map[string]int
	// attacks counts hostile clients by what they do, told the close frames that they got, by code.
	attacks map[string]int
	told    map[int]int
	// followed counts what followers were told, and events that they got.
	followed map[string]int
}

func (a *tally) add(s *sim) {
	a.actions += s.traits.actions
	a.clients += len(s.clients)
	for _, series := range s.series {
		a.events += len(series)
	}
	for _, c := range s.clients {
		a.arrived += c.eventsArrived
		a.ways[c.way]++
	}
	for way, n := range s.came {
		a.ways[way] += n
	}
	for what, n := range s.followed.results {
		a.followed[what] += n
	}
	a.followed[followerEvents] += int(s.followed.arrived)
	a.followed[repeatedKeys] += int(s.repeated)
	for _, seen := range s.recorder.records {
		a.causes[seen.cause.Kind]++
	}
	for _, h := range s.hostiles {
		a.attacks[h.attack.name]++
		a.told[h.code]++
	}
	met := reflect.ValueOf(s.met)
	for i := range met.NumField() {
		a.faults[met.Type().Field(i).Name] += met.Field(i).Uint()
	}
}

func (a tally) String() string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(a.causes)) {
		parts = append(parts, fmt.Sprintf("%d %v", a.causes[kind], kind))
	}
	return fmt.Sprintf("%d actions, %d clients, %d events, %d arrived; ends: %s; faults: %v; attacks: %v, told: %v; ways: %v; followers: %v", a.actions, a.clients, a.events,
		a.arrived, strings.Join(parts, ", "), a.faults, a.attacks, a.told, a.ways, a.followed)
}

// requireAll checks that every kind of fault and of end has occurred. Otherwise the simulation shows less than it claims.
func (a tally) requireAll(t *testing.T) {
	t.Helper()
	for name, times := range a.faults {
		if times == 0 {
			t.Errorf("got no %s injected, want some", name)
		}
	}
	for _, kind := range []fanout.CauseKind{fanout.CausePeerClosed, fanout.CausePeerGone, fanout.CauseViolation, fanout.CauseBackpressure,
		fanout.CauseClosed, fanout.CauseRemoved, fanout.CauseShutdown, fanout.CauseUnauthenticated} {
		if a.causes[kind] == 0 {
			t.Errorf("got no end by %v, want some", kind)
		}
	}
	for _, way := range append([]string{"serve", "tls", "link", securely, givenBack}, annoyanceNames()...) {
		if a.ways[way] == 0 {
			t.Errorf("got nobody by %s, want some", way)
		}
	}
	for _, what := range followerTold {
		if a.followed[what] == 0 {
			t.Errorf("got no follower told %q, want some", what)
		}
	}
	for _, attack := range attacks {
		if a.attacks[attack.name] == 0 {
			t.Errorf("got no attack by %s, want some", attack.name)
		}
		for _, code := range attack.codes {
			if a.told[code] == 0 {
				t.Errorf("got no hostile client told %d, want some", code)
			}
		}
	}
}

// play runs one seed. If the run does not end, it prints all stacks.
func play(t *testing.T, seed uint64) *sim {
	t.Helper()
	if *announce {
		fmt.Fprintf(os.Stderr, "playing seed %d\n", seed)
	}
	s := newSim(seed, *patience)
	ended, late := make(chan string, 1), time.After(6**patience)
	go func() { ended <- s.run() }()
	select {
	case wrong := <-ended:
		if wrong != "" {
			t.Fatalf("seed %d: %s\nreplay: go test -tags faults ./fanout/simulation -run EverySchedule -sim.seeds 1 -sim.repeat 100 -sim.seed %d\n%s",
				seed, wrong, seed, s.schedule())
		}
	case <-late:
		stacks := make([]byte, 256<<10)
		t.Fatalf("seed %d hangs\n%s\n%s", seed, s.schedule(), stacks[:runtime.Stack(stacks, true)])
	}
	return s
}
