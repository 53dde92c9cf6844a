package fanout

import (
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// stopwatch measures how long one task's callbacks take. It looks at the clock behind the first callback of each inbox, and then behind every one
// while they are slow, else behind up to maxPerLook. It belongs to the task.
type stopwatch struct {
	laps [lapsKept]lap
	used int
	// last is when it was looked at last, and calls how many callbacks have run since; each is the number of them until the next look.
	last        time.Duration
	calls, each int
}

// lap is how long so many callbacks took.
type lap struct {
	took  time.Duration
	calls int
}

const (
	// lapsKept is how many laps a task keeps until it counts them, under the lock of the queue.
	lapsKept = 16
	// maxPerLook is how many callbacks share a look at the clock, quickCall how long they may take for it.
	maxPerLook = 8
	quickCall  = 10 * time.Microsecond
)

// begin begins an inbox, whose first callback is measured alone.
func (t *stopwatch) begin() {
	if t.last == 0 {
		t.last = netpoll.Moment()
	}
	t.each = 1
}

// ran notes that a callback has run, and says whether laps are to be counted before more are kept.
func (t *stopwatch) ran() (isFull bool) {
	t.calls++
	if t.calls >= t.each {
		t.look()
	}
	return t.used == lapsKept
}

// look ends a lap. Behind a quick one the next is longer.
func (t *stopwatch) look() {
	if t.calls == 0 {
		return
	}
	now := netpoll.Moment()
	took := now - t.last
	t.laps[t.used] = lap{took, t.calls}
	t.used++
	t.last = now
	t.each = 1
	if took < quickCall*time.Duration(t.calls) {
		t.each = min(2*t.calls, maxPerLook)
	}
	t.calls = 0
}

// countLocked counts what a task has measured.
func (q *workQueue) countLocked(t *stopwatch) {
	for _, l := range t.laps[:t.used] {
		q.took.Observe(l.took/time.Duration(l.calls), uint64(l.calls))
	}
	t.used = 0
}

func (q *workQueue) count(t *stopwatch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.countLocked(t)
}

// latency is how long callbacks took.
func (w *workers) latency() Latency {
	w.queue.mu.Lock()
	defer w.queue.mu.Unlock()
	return latencyOf(&w.queue.took)
}
