//go:build faults && linux

package simulation

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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
	runsOfTest  = 5
)

// TestEveryPlantedDefectIsCaught builds the simulation with each defect of testdata/defects in the hub, and wants the seeds from
// -sim.seed on to find it, or the test that the defect names. Each runs in a process of its own: what goes wrong may hang or kill
// it.
func TestEveryPlantedDefectIsCaught(t *testing.T) {
	patches, err := readPatches(defectsDirectory)
	if err != nil {
		t.Fatal(err)
	}
	builds := make(chan struct{}, buildsAtATime)
	for _, name := range slices.Sorted(maps.Keys(patches)) {
		p := patches[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caught, replay := catch(t, name, p, builds)
			t.Logf("%q is caught by %s\nreplay: %s", p.says, caught, replay)
		})
	}
}

// catch builds what must catch a patch, with the patch, and has it play or run. It returns what was caught and how to see it again.
func catch(t *testing.T, name string, p patch, builds chan struct{}) (caught, replay string) {
	t.Helper()
	what := "."
	if p.by != (packageTest{}) {
		what = "./" + filepath.Join(sourceRoot, p.by.directory)
	}
	builds <- struct{}{}
	binary, err := buildWith(p, what, t.TempDir())
	<-builds
	if err != nil {
		t.Fatalf("%q: %v", p.says, err)
	}
	if p.by != (packageTest{}) {
		return p.by.directory + " " + p.by.name + ": " + runUntilCaught(t, p.by, binary),
			fmt.Sprintf("go test -tags faults ./fanout/simulation -v -run 'EveryPlantedDefect/^%s$'", name)
	}
	seed, complaint := playUntilCaught(t, binary)
	return fmt.Sprintf("seed %s: %.160s", seed, complaint),
		fmt.Sprintf("go test -tags faults ./fanout/simulation -v -run 'EveryPlantedDefect/^%s$' -sim.seed %s", name, seed)
}

// buildWith builds the tests of a package with a patch and returns the path of the binary.
func buildWith(p patch, what, directory string) (binary string, err error) {
	changed, err := p.apply(sourceRoot)
	if err != nil {
		return "", err
	}
	overlay, err := writeOverlay(directory, changed)
	if err != nil {
		return "", err
	}
	binary = filepath.Join(directory, "with_defect.test")
	out, err := exec.Command("go", "test", "-c", "-overlay", overlay, "-tags", "faults", "-ldflags", "-s -w", "-o", binary, what).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
}

// runUntilCaught runs a test of another package, which must fail, and returns what it complained about.
func runUntilCaught(t *testing.T, by packageTest, binary string) string {
	t.Helper()
	run := exec.Command(binary, "-test.run", by.pattern(), "-test.timeout", testTimeout.String(), "-test.count", strconv.Itoa(runsOfTest), "-test.failfast")
	run.Dir = filepath.Join(sourceRoot, by.directory)
	out, err := run.CombinedOutput()
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
