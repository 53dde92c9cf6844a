package stream

import (
	"math/rand/v2"
	"time"
)

const (
	// quiet is how long nothing must have been appended to an idle sequence for it to be forgotten ahead of what others keep.
	quiet = 10 * time.Second
	// idleShards is how many shards with idle sequences are looked at for the one that was appended to the longest ago.
	idleShards = 4
)

// idleSequences is a list of the sequences of a shard that keep nothing, in the order in which they became idle. The shard's lock
// guards it.
type idleSequences struct {
	oldest, newest *sequence
}

func (l *idleSequences) add(s *sequence) {
	s.home.earlier, s.home.later = l.newest, nil
	if l.newest == nil {
		l.oldest = s
	} else {
		l.newest.home.later = s
	}
	l.newest = s
}

func (l *idleSequences) remove(s *sequence) {
	earlier, later := s.home.earlier, s.home.later
	if earlier == nil {
		l.oldest = later
	} else {
		earlier.home.later = later
	}
	if later == nil {
		l.newest = earlier
	} else {
		later.home.earlier = earlier
	}
	s.home.earlier, s.home.later = nil, nil
}

// review puts a sequence among the idle ones, or takes it away. Others may have changed it meanwhile.
func (m *Memory) review(d *shard, s *sequence) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	isIdle := s.isEmptyLocked()
	if s.forgotten || s.idle == isIdle {
		return
	}
	s.idle = isIdle
	if isIdle {
		d.idle.add(s)
		m.idle.Add(1)
	} else {
		d.idle.remove(s)
		m.idle.Add(-1)
	}
}

// forgetIdle forgets, of some sequences that are idle and quiet, the one that was appended to the longest ago. It says whether it did.
func (m *Memory) forgetIdle() bool {
	if m.idle.Load() == 0 {
		return false
	}
	var oldest candidate
	now := tickAt(m.clock())
	begin, seen := rand.IntN(shardCount), 0
	for i := range shardCount {
		s := m.shards[(begin+i)%shardCount].oldestIdle()
		if s == nil {
			continue
		}
		s.mu.Lock()
		used := s.used
		s.mu.Unlock()
		if now.since(used) >= ticksOf(quiet) && (oldest.sequence == nil || used.since(oldest.used) < 0) {
			oldest = candidate{sequence: s, used: used}
		}
		if seen++; seen == idleShards {
			break
		}
	}
	return oldest.sequence != nil && m.forget(oldest.sequence)
}

func (d *shard) oldestIdle() *sequence {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.idle.oldest
}
