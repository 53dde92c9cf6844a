//go:build !faults

package fanout

// Defects that tests plant to see whether they are found. In a build without the tag faults they are constants, and the compiler
// removes what depends on them.
const (
	defectDeliversTwice      = false
	defectRelaysToSender     = false
	defectEndsTwice          = false
	defectEndsEarly          = false
	defectReversesOutbound   = false
	defectForgetsWaiting     = false
	defectOvertakesInbox     = false
	defectLosesReadAhead     = false
	defectKeepsSubscriptions = false
	defectMissesTurn         = false
	defectCatchesUpSilently  = false
)
