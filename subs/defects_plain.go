//go:build !faults

package subs

// Defects that tests plant to see whether they are found. In a build without the tag faults they are constants, and the compiler
// removes what depends on them.
const (
	defectMisplacesMoved = false
)
