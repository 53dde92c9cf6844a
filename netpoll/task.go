package netpoll

import (
	"sync"
	"sync/atomic"
)

// Task is work for a reactor. Do runs once on the reactor's goroutine, in the order in which tasks were posted, and
// must not block.
type Task interface {
	Do(r *Reactor)
}

// TaskFunc makes a function a Task.
type TaskFunc func(r *Reactor)

// Do calls f.
func (f TaskFunc) Do(r *Reactor) { f(r) }

// tasks is the way in for other goroutines.
//
// I1: size is the number of tasks in waiting, read without the lock.
// I2: after shut, push refuses.
type tasks struct {
	mu      sync.Mutex
	waiting []Task
	shut    bool
	size    atomic.Int32
}

func (q *tasks) push(t Task) bool {
	q.mu.Lock()
	if q.shut {
		q.mu.Unlock()
		return false
	}
	q.waiting = append(q.waiting, t)
	q.size.Store(int32(len(q.waiting)))
	q.mu.Unlock()
	return true
}

func (q *tasks) pushAll(ts []Task) bool {
	q.mu.Lock()
	if q.shut {
		q.mu.Unlock()
		return false
	}
	q.waiting = append(q.waiting, ts...)
	q.size.Store(int32(len(q.waiting)))
	q.mu.Unlock()
	return true
}

// take swaps the waiting tasks for the empty slice spare.
func (q *tasks) take(spare []Task) []Task {
	q.mu.Lock()
	taken := q.waiting
	q.waiting = spare
	q.size.Store(0)
	q.mu.Unlock()
	return taken
}

// close refuses further tasks and returns those that were waiting.
func (q *tasks) close() []Task {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.shut = true
	taken := q.waiting
	q.waiting = nil
	q.size.Store(0)
	return taken
}
