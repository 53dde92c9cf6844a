package fanout

import (
	"math"
	"testing"
)

func TestTheMemoryBudgetIsAQuarterOfWhatThereIs(t *testing.T) {
	for name, c := range map[string]struct{ limit, machine, want int64 }{
		"no limit":                        {math.MaxInt64, 8 << 30, 2 << 30},
		"a limit":                         {4 << 30, 8 << 30, 1 << 30},
		"a limit above the machine":       {64 << 30, 8 << 30, 2 << 30},
		"a limit, and an unknown machine": {4 << 30, 0, 1 << 30},
		"nothing is known":                {math.MaxInt64, 0, assumedMemory / 4},
		"hardly anything":                 {1, 8 << 30, minBudget},
	} {
		if got := budgetOf(c.limit, c.machine); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}
