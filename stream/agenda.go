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
	due appointments
	// timer calls trim at armed, the time since the store began; 0 if it doesn't.
	timer    *time.Timer
	armed    time.Duration
	trim     func()
	isClosed bool
}

// appointment is when a sequence is due, and its place among those that wait; -1 if it doesn't.
type appointment struct {
	due   time.Duration
	place int
}

// dueSpacing is how long the timer waits at least, so that it calls once for many sequences.
const dueSpacing = 50 * time.Millisecond

// add has the sequence looked at when it is due, or when it was to be before, whatever comes first.
func (a *agenda) add(s *sequence, due, now time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.isClosed:
		return
	case s.appointment.place < 0:
		s.appointment.due = due
		heap.Push(&a.due, s)
	case due < s.appointment.due:
		s.appointment.due = due
		heap.Fix(&a.due, s.appointment.place)
	}
	a.armLocked(now)
}

// remove has the sequence not looked at.
func (a *agenda) remove(s *sequence) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.appointment.place >= 0 {
		heap.Remove(&a.due, s.appointment.place)
	}
}

// take appends to dst up to cap(dst) sequences that are due. If there are none left, the timer is set for the next one.
func (a *agenda) take(dst []*sequence, now time.Duration) []*sequence {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.due) > 0 && a.due[0].appointment.due <= now && len(dst) < cap(dst) {
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
	at := max(a.due[0].appointment.due, now+dueSpacing)
	if a.armed != 0 && a.armed <= at {
		return
	}
	a.armed = at
	if a.timer == nil {
		a.timer = time.AfterFunc(at-now, a.trim)
		return
	}
	a.timer.Reset(at - now)
}

func (a *agenda) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.isClosed = true
	for _, s := range a.due {
		s.appointment.place = -1
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
		due := m.agenda.take(room[:0], m.clock())
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
		now := m.clock()
		s.keys.expire(tickAt(now))
		isDone := s.trimAgedLocked(tickAt(now), trimAtOnce)
		s.wake = 0
		change := m.settleLocked(s, now)
		s.mu.Unlock()
		m.apply(home, s, change)
		if isDone {
			return
		}
	}
}

// appointments is a heap of sequences by when they are due.
type appointments []*sequence

// Len is that of heap.Interface.
func (a appointments) Len() int { return len(a) }

// Less is that of heap.Interface.
func (a appointments) Less(i, j int) bool { return a[i].appointment.due < a[j].appointment.due }

// Swap is that of heap.Interface.
func (a appointments) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].appointment.place, a[j].appointment.place = i, j
}

// Push is that of heap.Interface.
func (a *appointments) Push(x any) {
	s := x.(*sequence)
	s.appointment.place = len(*a)
	*a = append(*a, s)
}

// Pop is that of heap.Interface.
func (a *appointments) Pop() any {
	last := len(*a) - 1
	s := (*a)[last]
	(*a)[last] = nil
	*a = (*a)[:last]
	s.appointment.place = -1
	return s
}
