//go:build faults

package netpoll

// Defects that tests plant. They are set before anything starts and not changed while it runs.
var (
	defectSleepsOverTasks   bool
	defectIgnoresGeneration bool
	defectLosesCount        bool
	defectNeverResumes      bool
	defectMiscountsPart     bool
	defectIgnoresLimit      bool
	defectCutsHalfFrame     bool
	defectEndsOnInterrupt   bool
	defectTrustsWrite       bool
	defectNeverArms         bool
	defectLosesUnsent       bool
)

// Defects are what tests can plant, by what goes wrong then. A test sets one before anything runs. It exists under the build
// tag faults alone.
var Defects = map[string]*bool{
	"a task that comes while the reactor falls asleep wakes nobody":      &defectSleepsOverTasks,
	"what was meant for a slot's earlier user reaches the present one":   &defectIgnoresGeneration,
	"what a full socket's queue held is dropped uncounted":               &defectLosesCount,
	"reading that was paused stays paused":                               &defectNeverResumes,
	"a short write out of a backlog counts as one byte more":             &defectMiscountsPart,
	"a queue takes everything":                                           &defectIgnoresLimit,
	"the rest of a half-sent frame is dropped with what waits behind it": &defectCutsHalfFrame,
	"an interrupted read ends the connection":                            &defectEndsOnInterrupt,
	"a short write counts as a whole one":                                &defectTrustsWrite,
	"nobody waits for room in a full socket":                             &defectNeverArms,
	"a released connection leaves behind what was queued on it":          &defectLosesUnsent,
}
