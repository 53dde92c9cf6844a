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
)

// TestEveryPlantedDefectIsCaught builds the simulation with each defect of testdata/defects in the hub, and wants the seeds from
// -sim.seed on to find it. Each plays in a process of its own: what goes wrong may hang or kill it.
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
			builds <- struct{}{}
			binary, err := buildWith(p, t.TempDir())
			<-builds
			if err != nil {
				t.Fatalf("%q: %v", p.says, err)
			}
			seed, complaint := playUntilCaught(t, binary)
			t.Logf("%q is caught by seed %s: %.160s\nreplay: go test -tags faults ./fanout/simulation -v -run 'EveryPlantedDefect/^%s$' -sim.seed %s",
				p.says, seed, complaint, name, seed)
		})
	}
}

// buildWith builds the simulation with a patch and returns the path of the binary.
func buildWith(p patch, directory string) (binary string, err error) {
	changed, err := p.apply(sourceRoot)
	if err != nil {
		return "", err
	}
	overlay, err := writeOverlay(directory, changed)
	if err != nil {
		return "", err
	}
	binary = filepath.Join(directory, "simulation.test")
	out, err := exec.Command("go", "test", "-c", "-overlay", overlay, "-tags", "faults", "-ldflags", "-s -w", "-o", binary, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return binary, nil
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
	announcement = regexp.MustCompile(`(?m)^playing seed (\d+)$`)
	anyComplaint = regexp.MustCompile(`seed \d+(:.*| hangs)|panic: .*|fatal error: .*`)
)
