package swarm

// Faults counts what a subscriber must never see.
type Faults struct {
	// Lost events never came, though the connection was healthy to the end; Duplicated ones came more than once.
	Lost, Duplicated uint64
	// Reordered events came after one that was published later in their topic; Foreign ones belong to a topic without subscription.
	Reordered, Foreign uint64
	// Malformed counts frames and envelopes that can't be read, Closed healthy connections that ended early.
	Malformed, Closed uint64
}

// Sum adds everything up: 0 is a clean run.
func (f Faults) Sum() uint64 {
	return f.Lost + f.Duplicated + f.Reordered + f.Foreign + f.Malformed + f.Closed
}

// Add adds the counts of another process.
func (f *Faults) Add(other Faults) {
	f.Lost += other.Lost
	f.Duplicated += other.Duplicated
	f.Reordered += other.Reordered
	f.Foreign += other.Foreign
	f.Malformed += other.Malformed
	f.Closed += other.Closed
}

// sequence is what one subscriber expects of its topic.
// I1: next is one more than the highest number seen.
// I2: bit i of seen is set if next-1-i came.
type sequence struct {
	next uint32
	seen uint64
}

// startAt expects the event from as the first.
func startAt(from uint32) sequence {
	return sequence{next: from, seen: ^uint64(0)}
}

// observe counts what is wrong with the number that came next. A gap counts as lost until the missing ones
// come after all (within the last 64), and then as reordered. fresh is false for a double.
func (s *sequence) observe(seq uint32, faults *Faults) (fresh bool) {
	if seq == s.next {
		s.next++
		s.seen = s.seen<<1 | 1
		return true
	}
	if ahead := seq - s.next; ahead < 1<<31 {
		faults.Lost += uint64(ahead)
		s.next = seq + 1
		s.seen = s.seen<<(ahead+1) | 1
		return true
	}
	behind := s.next - 1 - seq
	if behind >= 64 || s.seen>>behind&1 == 1 {
		faults.Duplicated++
		return false
	}
	s.seen |= 1 << behind
	faults.Reordered++
	faults.Lost--
	return true
}

// finish counts what is missing at the end, where published events of the topic were sent in all.
func (s *sequence) finish(published uint32, faults *Faults) {
	if missing := published - s.next; missing < 1<<31 {
		faults.Lost += uint64(missing)
	}
}
