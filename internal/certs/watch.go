package certs

import "crypto/sha256"

// Watch decides from look to look whether files have changed and whether that is worth a word. It belongs to one goroutine, or to a lock.
//
// W1: contents are tried only when two looks in a row have found the same, for a file that is being written changes from look to look.
// W2: contents that were found bad are not tried again until they change.
type Watch struct {
	inForce, seen, bad [sha256.Size]byte
	isBad              bool
}

// Finding is what a look has found.
type Finding uint8

const (
	// Unchanged is that there is nothing to do.
	Unchanged Finding = iota
	// Changed is that there are other contents, which are to be tried: call Took or Failed.
	Changed
	// Restored is that bad contents are gone, and those in force are back.
	Restored
)

// NewWatch begins with the contents in force.
func NewWatch(inForce Contents) Watch {
	sum := inForce.Sum()
	return Watch{inForce: sum, seen: sum}
}

// Look compares what stands in the files now.
func (w *Watch) Look(c Contents) Finding {
	sum := c.Sum()
	settled := sum == w.seen
	w.seen = sum
	switch {
	case !settled:
		return Unchanged
	case sum == w.inForce && w.isBad:
		w.isBad = false
		return Restored
	case sum == w.inForce || w.isBad && sum == w.bad:
		return Unchanged
	}
	return Changed
}

// Took says that contents are in force, and returns whether others have failed since the last ones were.
func (w *Watch) Took(c Contents) (wasBad bool) {
	wasBad = w.isBad
	w.inForce, w.isBad = c.Sum(), false
	return wasBad
}

// Failed says that something is wrong with contents.
func (w *Watch) Failed(c Contents) { w.bad, w.isBad = c.Sum(), true }

// IsBad says whether the last contents that were tried have failed.
func (w *Watch) IsBad() bool { return w.isBad }
