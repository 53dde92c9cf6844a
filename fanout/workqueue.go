package fanout

import (
	"context"
	"sync"
)

// workQueue holds the spokes that wait for a worker, and counts the tasks that work it off. mu guards all of it.
type workQueue struct {
	mu     sync.Mutex
	spokes []*Spoke
	// next is the place in spokes of the first that waits.
	next int
	// running is how many tasks there are.
	running int
	// pushed counts calls of push, taken the spokes that pop returned.
	pushed uint64
	taken  uint64
	// idle is signalled when no task runs any more.
	idle *sync.Cond
}

const (
	// maxKeptQueue is the capacity that an empty queue keeps.
	maxKeptQueue = 4096
	// minShifted is how many served places, at the least, are worth moving the rest to the front.
	minShifted = 1024
)

func (q *workQueue) waitingLocked() int { return len(q.spokes) - q.next }

func (q *workQueue) idleLocked() bool { return q.running == 0 && q.waitingLocked() == 0 }

// pop removes the next spoke. If there is none it returns nil, and the task that asked counts as ended.
func (q *workQueue) pop() *Spoke {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waitingLocked() == 0 {
		if cap(q.spokes) > maxKeptQueue {
			q.spokes = nil
		}
		q.spokes = q.spokes[:0]
		q.next = 0
		q.taskEndedLocked()
		return nil
	}
	s := q.spokes[q.next]
	q.spokes[q.next] = nil
	q.next++
	q.taken++
	if q.next > minShifted && q.next > len(q.spokes)/2 {
		left := copy(q.spokes, q.spokes[q.next:])
		clear(q.spokes[left:])
		q.spokes = q.spokes[:left]
		q.next = 0
	}
	return s
}

func (q *workQueue) taskEnded() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taskEndedLocked()
}

func (q *workQueue) taskEndedLocked() {
	q.running--
	if q.running == 0 {
		q.idle.Broadcast()
	}
}

// awaitEmpty waits until no spoke waits and no task runs, and returns how often spokes had been pushed by then.
func (q *workQueue) awaitEmpty(ctx context.Context) (pushed uint64, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.idleLocked() && ctx.Err() == nil {
		q.idle.Wait()
	}
	return q.pushed, ctx.Err()
}
