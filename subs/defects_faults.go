//go:build faults

package subs

// Defects that tests plant. They are set before anything starts and not changed while it runs.
var (
	defectMisplacesMoved bool
)

// Defects are what tests can plant, by what goes wrong then. A test sets one before anything runs. It exists under the build
// tag faults alone.
var Defects = map[string]*bool{
	"the member that takes a removed one's place is not told its position": &defectMisplacesMoved,
}
