package netpoll

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// mailbox is the way in for other goroutines: the tasks that they post, which Reactor.runTasks takes, and what wakes the
// reactor for them. waiting and shut are behind mu, the atomics are for any goroutine, taken is the reactor's.
//
// I1: posted less taken is the number of tasks in waiting.
// I2: after shut, push refuses.
// I3: sleeping is true only while the reactor waits or is about to look at posted a last time before it waits.
type mailbox struct {
	mu      sync.Mutex
	waiting []Task
	// shut: no task is taken any more.
	shut bool
	// posted is how many tasks have come in all, taken how many of them are out again.
	posted   atomic.Uint64
	taken    uint64
	sleeping atomic.Bool
	// kicking is the number of goroutines that are about to wake the poller, which must live that long.
	kicking atomic.Int32
}

// largeMail is the room for tasks above which it is not kept.
const largeMail = 4096

func (m *mailbox) push(ts ...Task) bool {
	m.mu.Lock()
	if m.shut {
		m.mu.Unlock()
		return false
	}
	m.waiting = append(m.waiting, ts...)
	m.posted.Add(uint64(len(ts)))
	m.mu.Unlock()
	return true
}

// isEmpty says that no task waits. For the reactor.
func (m *mailbox) isEmpty() bool { return m.posted.Load() == m.taken }

// take swaps the waiting tasks for the empty slice spare.
func (m *mailbox) take(spare []Task) []Task {
	m.mu.Lock()
	taken := m.waiting
	m.waiting = spare
	m.taken += uint64(len(taken))
	m.mu.Unlock()
	return taken
}

// close refuses further tasks and returns those that were waiting.
func (m *mailbox) close() []Task {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shut = true
	taken := m.waiting
	m.waiting = nil
	m.taken += uint64(len(taken))
	return taken
}

// awaitKicks returns when no kick is under way. None can begin after the last turn, so the poller may be freed.
func (m *mailbox) awaitKicks() {
	for m.kicking.Load() != 0 {
		runtime.Gosched()
	}
}

// each calls f with the tasks that wait, in order, until it says that it has seen enough.
func (m *mailbox) each(f func(Task) (more bool)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.waiting {
		if !f(t) {
			return
		}
	}
}
