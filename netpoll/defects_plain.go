//go:build !faults

package netpoll

// Defects that tests plant to see whether they are found. In a build without the tag faults they are constants, and the compiler
// removes what depends on them.
const (
	defectSleepsOverTasks   = false
	defectIgnoresGeneration = false
	defectLosesCount        = false
	defectNeverResumes      = false
	defectMiscountsPart     = false
	defectIgnoresLimit      = false
	defectCutsHalfFrame     = false
	defectEndsOnInterrupt   = false
	defectTrustsWrite       = false
	defectNeverArms         = false
	defectLosesUnsent       = false
)
