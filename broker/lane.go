package broker

// manyOrigins is of how many other hubs a lane remembers the last event: a hundred nodes, and some services besides. That many are 3 KiB a lane.
const manyOrigins = 128

// Lane is what has come of a type, or of a type and id, from each of the other hubs: so that repeats are dropped and losses noticed. It knows 128 of them;
// for one more it forgets the one that has been silent for longest. One goroutine uses it at a time. The zero value has seen nothing.
type Lane struct {
	last []lastSeen
	// events is how many have come, repeats included. It may begin with 0 again.
	events uint32
}

// lastSeen is the sequence of the last event of an origin. isCut says that others may have been lost behind it, which has been told. at is
// Lane.events as of when the origin was heard last.
type lastSeen struct {
	origin, sequence uint64
	at               uint32
	isCut            bool
}

// See notes an event that has come, whose predecessor in the lane is given, 0 if the origin does not know it. It says whether it has
// come before, and whether others ahead of it have been lost.
func (l *Lane) See(origin, sequence, predecessor uint64) (isRepeat, isLost bool) {
	l.events++
	for i := range l.last {
		seen := &l.last[i]
		if seen.origin != origin {
			continue
		}
		seen.at = l.events
		if sequence <= seen.sequence {
			return true, false
		}
		isLost = predecessor > seen.sequence && !seen.isCut
		seen.sequence, seen.isCut = sequence, false
		return false, isLost
	}
	*l.place() = lastSeen{origin: origin, sequence: sequence, at: l.events}
	return false, false
}

// place is where an origin goes that the lane does not know: a new place, or that of the one that has been silent for longest.
func (l *Lane) place() *lastSeen {
	if len(l.last) < manyOrigins {
		l.last = append(l.last, lastSeen{})
		return &l.last[len(l.last)-1]
	}
	silent := &l.last[0]
	for i := range l.last {
		if seen := &l.last[i]; l.events-seen.at > l.events-silent.at {
			silent = seen
		}
	}
	return silent
}

// Forget has nothing be missing ahead of what comes next of each origin. What has come stays known.
func (l *Lane) Forget() {
	for i := range l.last {
		l.last[i].isCut = true
	}
}

// Knows says whether an event has come, or one of the same origin behind it. It notes nothing.
func (l *Lane) Knows(origin, sequence uint64) bool {
	for i := range l.last {
		if l.last[i].origin == origin {
			return sequence <= l.last[i].sequence
		}
	}
	return false
}
