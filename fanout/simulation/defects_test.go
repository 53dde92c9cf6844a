//go:build faults && linux

package simulation

import (
	"context"
	"flag"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/subs"
)

var planted = flag.String("sim.defect", "", "a defect to plant first, by its name")

const (
	seedsForDefect    = 1000
	patienceForDefect = 2 * time.Second
)

func defects() map[string]*bool {
	all := make(map[string]*bool)
	for _, some := range []map[string]*bool{fanout.Defects, subs.Defects} {
		maps.Copy(all, some)
	}
	return all
}

// plant sets the defect that the command line asks for.
func plant(t *testing.T) {
	t.Helper()
	if *planted == "" {
		return
	}
	defect, ok := defects()[*planted]
	if !ok {
		t.Fatalf("-sim.defect: %q is none of %q", *planted, slices.Sorted(maps.Keys(defects())))
	}
	*defect = true
}

// TestEveryPlantedDefectIsCaught plays the simulation against a hub with each defect, in a process of its own: what goes wrong
// may hang or kill it.
func TestEveryPlantedDefectIsCaught(t *testing.T) {
	if *planted != "" {
		t.Skip("this process has a defect itself")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(defects())) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, self, "-test.run", "^TestHubKeepsItsPromisesUnderEverySchedule$", "-sim.defect", name,
				"-sim.seeds", strconv.Itoa(seedsForDefect), "-sim.patience", patienceForDefect.String()).CombinedOutput()
			if err == nil {
				t.Fatalf("got no failure in %d seeds, want one", seedsForDefect)
			}
			last := ""
			for _, m := range playing.FindAllSubmatch(out, -1) {
				last = string(m[1])
			}
			if last == "" {
				t.Fatalf("got no seed played: %v\n%s", err, out)
			}
			t.Logf("caught by seed %s: %.160s", last, complaint.Find(out))
		})
	}
}

var (
	playing   = regexp.MustCompile(`(?m)^playing seed (\d+)$`)
	complaint = regexp.MustCompile(`seed \d+(:.*| hangs)|panic: .*|fatal error: .*`)
)
