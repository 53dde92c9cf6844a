//go:build faults && linux

package simulation

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	seedsForDefect    = 1000
	patienceForDefect = 4 * time.Second
	defectTimeout     = 5 * time.Minute
	buildsAtATime     = 2
	// testTimeout bounds a test of another package, and runsOfTest is how often it may run until it catches a defect.
	testTimeout = 30 * time.Second
	runsOfTest  = 20
	// clusterDirectory has the simulation of clusters, seedsOfRun is how many seeds its test plays in a run: each run has others. patienceForCluster is how long
	// what must come may take in them, and clusterTimeout bounds a run.
	clusterDirectory   = "fanout/simulation/cluster"
	seedsOfRun         = 40
	patienceForCluster = 6 * time.Second
	clusterTimeout     = 2 * time.Minute
)

// One share of the defects is tried in a run.
var (
	shares = flag.Int("sim.shares", 1, "of how many shares of the defects one is tried")
	share  = flag.Int("sim.share", 0, "which share of the defects is tried, from 0 on")
)

// TestEveryPlantedDefectIsCaught builds the simulation with each defect of testdata/defects in the hub, and wants the seeds from
// -sim.seed on to find it, or the test that the defect names, which must pass without it. Each runs in a process of its own: what goes wrong may hang or kill
// it.
func TestEveryPlantedDefectIsCaught(t *testing.T) {
	patches, err := readPatches(defectsDirectory)
	if err != nil {
		t.Fatal(err)
	}
	b := builder{slots: make(chan struct{}, buildsAtATime), directory: t.TempDir(), intact: make(map[string]string), passes: make(map[packageTest]func() error)}
	for i, name := range slices.Sorted(maps.Keys(patches)) {
		p := patches[name]
		if i%*shares != *share%*shares {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caught, replay := catch(t, name, p, &b)
			t.Logf("%q is caught by %s\nreplay: %s", p.says, caught, replay)
		})
	}
}

// catch builds what must catch a patch, with the patch, and has it play or run. It returns what was caught and how to see it again.
func catch(t *testing.T, name string, p patch, b *builder) (caught, replay string) {
	t.Helper()
	binary, err := b.buildWith(p, t.TempDir())
	if err != nil {
		t.Fatalf("%q: %v", p.says, err)
	}
	if p.by != (packageTest{}) {
		if err := b.passesIntact(p.by)(); err != nil {
			t.Fatalf("%q: %v", p.says, err)
		}
		return p.by.directory + " " + p.by.name + ": " + runUntilCaught(t, p.by, binary),
			fmt.Sprintf("go test -tags faults ./fanout/simulation -v -run 'EveryPlantedDefect/^%s$'", name)
	}
	seed, complaint := playUntilCaught(t, binary)
	return fmt.Sprintf("seed %s: %.160s", seed, complaint),
		fmt.Sprintf("go test -tags faults ./fanout/simulation -v -run 'EveryPlantedDefect/^%s$' -sim.seed %s", name, seed)
}

// builder builds tests, a few at a time. Any goroutine may use it; mu guards intact and passes.
type builder struct {
	slots     chan struct{}
	directory string
	mu        sync.Mutex
	// intact has the binaries without a defect, by the directory of the package.
	intact map[string]string
	// passes run a test without a defect, each once.
	passes map[packageTest]func() error
}

// passesIntact returns what says whether a test passes without a defect.
func (b *builder) passesIntact(by packageTest) func() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	passes := b.passes[by]
	if passes == nil {
		passes = sync.OnceValue(func() error {
			intact, err := b.buildIntact(by)
			if err != nil {
				return err
			}
			if out, err := runTest(by, intact, 0); err != nil || !ranAny(out) {
				return fmt.Errorf("got %w of %s in %s without the defect, want it to pass:\n%s", err, by.name, by.directory, out)
			}
			return nil
		})
		b.passes[by] = passes
	}
	return passes
}

// buildIntact builds the tests of the package that a test is of, once, and returns the path of the binary.
func (b *builder) buildIntact(by packageTest) (binary string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if binary = b.intact[by.directory]; binary != "" {
		return binary, nil
	}
	binary = filepath.Join(b.directory, filepath.Base(by.directory)+".test")
	if err = b.build(by.of(), binary); err == nil {
		b.intact[by.directory] = binary
	}
	return binary, err
}

// of is the package that has the test, that of the simulation for none.
func (t packageTest) of() string {
	if t == (packageTest{}) {
		return "."
	}
	return "./" + filepath.Join(sourceRoot, t.directory)
}

// buildWith builds what must catch a patch, with the patch, and returns the path of the binary.
func (b *builder) buildWith(p patch, directory string) (binary string, err error) {
	changed, err := p.apply(sourceRoot)
	if err != nil {
		return "", err
	}
	overlay, err := writeOverlay(directory, changed)
	if err != nil {
		return "", err
	}
	binary = filepath.Join(directory, "with_defect.test")
	return binary, b.build(p.by.of(), binary, "-overlay", overlay)
}

func (b *builder) build(what, binary string, more ...string) error {
	b.slots <- struct{}{}
	defer func() { <-b.slots }()
	args := append([]string{"test", "-c", "-tags", "faults", "-ldflags", "-s -w", "-o", binary}, more...)
	if out, err := exec.Command("go", append(args, what)...).CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

// runTest runs a test of another package, for the time of that number, from 0 on. With a defect it gets no less time than without.
func runTest(by packageTest, binary string, number int) (out []byte, err error) {
	run := exec.Command(binary, by.arguments(number)...)
	run.Dir = filepath.Join(sourceRoot, by.directory)
	return run.CombinedOutput()
}

// isOfCluster says whether the test plays seeds of clusters.
func (t packageTest) isOfCluster() bool { return filepath.Clean(t.directory) == clusterDirectory }

// arguments are those of a run of the test.
func (t packageTest) arguments(number int) []string {
	if !t.isOfCluster() {
		return []string{"-test.run", t.pattern(), "-test.timeout", testTimeout.String()}
	}
	return []string{
		"-test.run", t.pattern(), "-test.timeout", clusterTimeout.String(), "-sim.patience", patienceForCluster.String(),
		"-sim.seed", fmt.Sprint(*firstSeed + uint64(number)*seedsOfRun), "-sim.seeds", strconv.Itoa(seedsOfRun),
	}
}

// ranAny says whether any test has run.
func ranAny(out []byte) bool { return !bytes.Contains(out, []byte("no tests to run")) }

// runUntilCaught runs a test of another package, which must fail, and returns what it complained about.
func runUntilCaught(t *testing.T, by packageTest, binary string) string {
	t.Helper()
	var out []byte
	var err error
	for i := 0; i < runsOfTest && err == nil; i++ {
		out, err = runTest(by, binary, i)
	}
	if by.isOfCluster() && bytes.Contains(out, []byte("panic: test timed out")) {
		t.Fatalf("got no failure of %s in %v, want one:\n%s", by.name, clusterTimeout, out)
	}
	failed := anyFailure.Find(out)
	if err == nil || failed == nil {
		t.Fatalf("got no failure of %s in %s, want one: %v\n%s", by.name, by.directory, err, out)
	}
	return string(failed)
}

// playUntilCaught plays seeds until one fails, and returns it and what it complained about.
func playUntilCaught(t *testing.T, binary string) (seed string, complaint []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), defectTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, "-test.run", "^TestHubKeepsItsPromisesUnderEverySchedule$", "-sim.announce",
		"-sim.seed", fmt.Sprint(*firstSeed), "-sim.seeds", strconv.Itoa(seedsForDefect), "-sim.patience", patienceForDefect.String()).CombinedOutput()
	if err == nil || ctx.Err() != nil {
		t.Fatalf("got no failure in %d seeds and %v, want one", seedsForDefect, defectTimeout)
	}
	announced := announcement.FindAllSubmatch(out, -1)
	complaint = anyComplaint.Find(out)
	if len(announced) == 0 || complaint == nil {
		t.Fatalf("got no seed played or no complaint: %v\n%s", err, out)
	}
	return string(announced[len(announced)-1][1]), complaint
}

var (
	anyFailure   = regexp.MustCompile(`(?m)^ +\w+_test\.go:\d+: .*|panic: .*|fatal error: .*`)
	announcement = regexp.MustCompile(`(?m)^playing seed (\d+)$`)
	anyComplaint = regexp.MustCompile(`seed \d+(:.*| hangs)|panic: .*|fatal error: .*`)
)

// pattern selects the test and no other.
func (t packageTest) pattern() string { return "^" + strings.ReplaceAll(t.name, "/", "$/^") + "$" }
