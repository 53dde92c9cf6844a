package broker

import "slices"

// manyOrigins is of how many other hubs a lane remembers the last event.
const manyOrigins = 64

// Lane is what has come of a type, or of a type and id, from each of the other hubs: so that repeats are dropped and losses noticed. One goroutine uses
// it at a time. The zero value has seen nothing.
type Lane struct {
	last []lastSeen
}

// lastSeen is the sequence of the last event of an origin. isCut says that others may have been lost behind it, which has been told.
type lastSeen struct {
	origin, sequence uint64
	isCut            bool
}

// See notes an event that has come, whose predecessor in the lane is given, 0 if the origin does not know it. It says whether it has
// come before, and whether others ahead of it have been lost.
func (l *Lane) See(origin, sequence, predecessor uint64) (isRepeat, isLost bool) {
	for i := range l.last {
		seen := &l.last[i]
		if seen.origin != origin {
			continue
		}
		if sequence <= seen.sequence {
			return true, false
		}
		isLost = predecessor > seen.sequence && !seen.isCut
		seen.sequence, seen.isCut = sequence, false
		return false, isLost
	}
	if len(l.last) == manyOrigins {
		l.last = slices.Delete(l.last, 0, 1)
	}
	l.last = append(l.last, lastSeen{origin: origin, sequence: sequence})
	return false, false
}

// Forget has nothing be missing ahead of what comes next of each origin. What has come stays known.
func (l *Lane) Forget() {
	for i := range l.last {
		l.last[i].isCut = true
	}
}
