package stream

import (
	"container/heap"
	"sync"
	"time"
)

// agenda knows which sequence gets too old events next, and has a timer while there is one. Its lock is the last in the order.
type agenda struct {
	mu sync.Mutex
	// due are the sequences that wait, the next one first.
	due turns
	// timer calls ring at armed, the time since the store began; 0 if it doesn't.
	timer    *time.Timer
	armed    time.Duration
	ring     func()
	isClosed bool
}

// turn is when a sequence is due, and its place among those that wait; -1 if it doesn't.
type turn struct {
	due   time.Duration
	place int
}

// dueSpacing is how long the timer waits at least, so that it rings once for many sequences.
const dueSpacing = 50 * time.Millisecond

// add has the sequence looked at when it is due, or when it was to be before, whatever comes first.
func (a *agenda) add(s *sequence, due, now time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.isClosed:
		return
	case s.turn.place < 0:
		s.turn.due = due
		heap.Push(&a.due, s)
	case due < s.turn.due:
		s.turn.due = due
		heap.Fix(&a.due, s.turn.place)
	}
	a.armLocked(now)
}

// remove has the sequence not looked at.
func (a *agenda) remove(s *sequence) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.turn.place >= 0 {
		heap.Remove(&a.due, s.turn.place)
	}
}

// take appends to dst up to cap(dst) sequences that are due. If there are none left, the timer is set for the next one.
func (a *agenda) take(dst []*sequence, now time.Duration) []*sequence {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.due) > 0 && a.due[0].turn.due <= now && len(dst) < cap(dst) {
		dst = append(dst, heap.Pop(&a.due).(*sequence))
	}
	if len(dst) == 0 {
		a.armed = 0
		a.armLocked(now)
	}
	return dst
}

// armLocked sets the timer for the first sequence, if it isn't set for earlier.
func (a *agenda) armLocked(now time.Duration) {
	if a.isClosed || len(a.due) == 0 {
		return
	}
	at := max(a.due[0].turn.due, now+dueSpacing)
	if a.armed != 0 && a.armed <= at {
		return
	}
	a.armed = at
	if a.timer == nil {
		a.timer = time.AfterFunc(at-now, a.ring)
		return
	}
	a.timer.Reset(at - now)
}

func (a *agenda) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.isClosed = true
	for _, s := range a.due {
		s.turn.place = -1
	}
	a.due = nil
	if a.timer != nil {
		a.timer.Stop()
	}
}

// ageDue trims what has got too old.
func (m *Memory) ageDue() {
	var room [64]*sequence
	for {
		due := m.agenda.take(room[:0], m.now())
		if len(due) == 0 {
			return
		}
		for _, s := range due {
			m.age(s)
		}
	}
}

// age trims the events and keys of a sequence that have got too old.
func (m *Memory) age(s *sequence) {
	home := m.shardOfString(s.typ)
	for {
		s.mu.Lock()
		if s.forgotten {
			s.mu.Unlock()
			return
		}
		now := m.now()
		s.keys.expire(tickAt(now))
		isDone := s.trimAgedLocked(tickAt(now), trimBatch)
		s.wake = 0
		change := s.settleLocked(now)
		s.mu.Unlock()
		m.apply(home, s, change)
		if isDone {
			return
		}
	}
}

// turns is a heap of sequences by when they are due.
type turns []*sequence

// Len is that of heap.Interface.
func (t turns) Len() int { return len(t) }

// Less is that of heap.Interface.
func (t turns) Less(i, j int) bool { return t[i].turn.due < t[j].turn.due }

// Swap is that of heap.Interface.
func (t turns) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].turn.place, t[j].turn.place = i, j
}

// Push is that of heap.Interface.
func (t *turns) Push(x any) {
	s := x.(*sequence)
	s.turn.place = len(*t)
	*t = append(*t, s)
}

// Pop is that of heap.Interface.
func (t *turns) Pop() any {
	last := len(*t) - 1
	s := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	s.turn.place = -1
	return s
}
