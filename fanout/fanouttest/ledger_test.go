package fanouttest

import (
	"testing"

	"github.com/spokehub/spokehub/fanout"
)

// ledgerTB counts failures.
type ledgerTB struct {
	testing.TB
	failures int
}

// Errorf counts one.
func (l *ledgerTB) Errorf(string, ...any) { l.failures++ }

func TestALedgerThatDoesNotAddUpFailsTheTest(t *testing.T) {
	for name, c := range map[string]struct {
		stats fanout.Stats
		want  int
	}{
		"all accounted for": {fanout.Stats{Deliveries: 15, Delivered: 1, HandedBack: 2, DroppedBackpressure: 3, DroppedClosed: 4, DroppedBudget: 5}, 0},
		"lagging":           {fanout.Stats{Deliveries: 6, DroppedTrimmed: 1, DroppedSuperseded: 2, DroppedSkipped: 3}, 0},
		"one lost":          {fanout.Stats{Deliveries: 2, Delivered: 1}, 1},
		"one left queued":   {fanout.Stats{Deliveries: 1, Delivered: 1, Queued: 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			counting := &ledgerTB{TB: t}
			checkLedger(counting, c.stats)
			if counting.failures != c.want {
				t.Errorf("got %d failures, want %d", counting.failures, c.want)
			}
		})
	}
}
