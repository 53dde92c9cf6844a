package netpoll

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// mailbox is the way in for other goroutines: the tasks that they post, which Reactor.runTasks takes, and what wakes the
// reactor for them. waiting and shut are behind mu, the atomics are for any goroutine.
//
// I1: size is the number of tasks in waiting.
// I2: after shut, push refuses.
// I3: sleeping is true only while the reactor waits or is about to look at size a last time before it waits.
type mailbox struct {
	mu      sync.Mutex
	waiting []Task
	// shut: no task is taken any more.
	shut     bool
	size     atomic.Int32
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
	m.size.Store(int32(len(m.waiting)))
	m.mu.Unlock()
	return true
}

// take swaps the waiting tasks for the empty slice spare.
func (m *mailbox) take(spare []Task) []Task {
	m.mu.Lock()
	taken := m.waiting
	m.waiting = spare
	m.size.Store(0)
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
	m.size.Store(0)
	return taken
}

// awaitKicks returns when no kick is under way. None can begin after the last turn, so the poller may be freed.
func (m *mailbox) awaitKicks() {
	for m.kicking.Load() != 0 {
		runtime.Gosched()
	}
}
