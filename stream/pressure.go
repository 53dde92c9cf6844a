package stream

import "math/rand/v2"

const (
	// samples is how many streams are looked at for the largest one.
	samples = 8
	// relieveAtOnce is how many events one look takes away at most.
	relieveAtOnce = 256
	// relieveShare is the part of the limit that is made free at once.
	relieveShare = 256
	// relieveRounds is how many looks one Append takes at most.
	relieveRounds = 64
)

// relieve makes room while the limit is exceeded, and some more so that it has not to look at streams for every Append: it forgets
// streams that are empty and quiet, and trims the largest of some others.
func (m *Memory) relieve() {
	if m.limit == nil {
		return
	}
	limit := m.limit()
	if m.held.Load() <= limit {
		return
	}
	low := limit - limit/relieveShare
	for range relieveRounds {
		over := m.held.Load() - low
		if over <= 0 {
			return
		}
		if m.forgetIdle() {
			continue
		}
		largest := m.sample()
		if largest == nil {
			return
		}
		m.reduce(largest, over)
	}
}

// candidate is a sequence that relieve has looked at.
type candidate struct {
	sequence *sequence
	memory   int64
	used     tick
}

// sample returns the largest of some sequences, and of those that are equal the one that was appended to the longest ago.
func (m *Memory) sample() *sequence {
	var best candidate
	begin := rand.IntN(shardCount)
	seen := 0
	for i := range shardCount {
		d := &m.shards[(begin+i)%shardCount]
		for _, s := range d.some() {
			if s != nil {
				seen++
				best = best.larger(s)
			}
		}
		if seen >= samples {
			break
		}
	}
	return best.sequence
}

// some returns two sequences at random, different ones if there are two; nil for those that the shard does not have.
func (d *shard) some() (sequences [2]*sequence) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	n := len(d.list)
	if n == 0 {
		return sequences
	}
	first := rand.IntN(n)
	sequences[0] = d.list[first]
	if n > 1 {
		sequences[1] = d.list[(first+1)%n]
	}
	return sequences
}

// larger returns the larger one. A replica that keeps nothing has nothing to give, so it comes last.
func (c candidate) larger(s *sequence) candidate {
	s.mu.Lock()
	memory, used := s.counted, s.used
	if s.isReplica && s.keepsNothingLocked() {
		memory = 0
	}
	s.mu.Unlock()
	if c.sequence == nil || memory > c.memory || memory == c.memory && used.since(c.used) < 0 {
		return candidate{s, memory, used}
	}
	return c
}

// reduce takes half of what a sequence has, or as much as is over, and forgets it if it has nothing then.
func (m *Memory) reduce(s *sequence, over int64) {
	s.mu.Lock()
	if s.forgotten {
		s.mu.Unlock()
		return
	}
	s.reduceLocked(over)
	isEmpty := s.isEmptyLocked()
	change := m.settleLocked(s, m.clock())
	s.mu.Unlock()
	m.apply(m.shardOfString(s.typ), s, change)
	if isEmpty {
		m.forget(s)
	}
}

func (s *sequence) reduceLocked(over int64) {
	target := max(s.counted/2, s.counted-over)
	for range relieveAtOnce {
		switch {
		case s.events.length > 0 && (s.survivors.count == 0 || s.survivors.bytes <= s.events.bytes):
			s.trimLocked()
		case s.survivors.count > 0:
			s.dropSurvivorLocked()
		case s.keys.len() > 0:
			s.keys.dropOldest()
		default:
			return
		}
		if s.memoryLocked() <= target {
			return
		}
	}
}
