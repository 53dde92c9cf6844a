package fanout

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// inflow is how many bytes of messages are on their way to a loop: they have left the queue of whoever sent them and are in
// no spoke's yet, so no limit of a spoke holds for them. This one does. A loop that is behind by more than a few full queues
// is waited for: a spoke that relays to it is not read until it has caught up. Those who dispatch to it are slowed down, but
// never stopped, for the embedder's log handler may dispatch on the goroutine of the very reactor that is behind. And nobody
// waits for good: a loop takes messages whatever it may not read, so two loops that wait for each other both catch up.
//
// Any goroutine may use it.
//
// I1: posted grows by a message's bytes before the message is posted to the loop, taken when the loop has taken it, so their
// difference is never less than what waits.
// I2: a loop that sets its bit in waiters and finds the other still behind then will be told.
type inflow struct {
	posted  atomic.Int64
	taken   atomic.Int64
	waiters atomic.Uint64
}

// backlog is how much was posted and not taken.
func (f *inflow) backlog() int64 { return f.posted.Load() - f.taken.Load() }

const (
	// maxInflowQueues is how many full queues may wait for a loop.
	maxInflowQueues = 8
	// inflowBudgetShare is the share of the memory budget, one in so many, that may wait for all loops.
	inflowBudgetShare = 4
	// maxThrottle is how long one event is held up for one loop, throttleStep after how long that looks again.
	maxThrottle  = 10 * time.Millisecond
	throttleStep = 500 * time.Microsecond
)

// inflowLimit is how much may wait for a loop: some full queues, but in all loops no more than a share of the memory
// budget, and never less than one event.
func inflowLimit(queueLimit int, budget int64, loops int) int64 {
	share := budget / int64(inflowBudgetShare*loops)
	return min(int64(maxInflowQueues)*int64(queueLimit), max(share, int64(queueLimit)))
}

// flowState is what a loop knows of the flow of messages. It belongs to the loop's goroutine.
//
// I3: waiting holds the spokes that are not read because a loop they relay to is behind.
type flowState struct {
	waiting []waiter
	// taken is how many bytes of messages this turn took.
	taken int64
}

// waiter is a spoke that is not read because a loop is behind.
type waiter struct {
	spoke *Spoke
	to    *loop
}

// behind says whether so much waits for the loop that nobody should bring more. Any goroutine may call it.
func (l *loop) behind() bool { return l.shared.inflow.backlog() > l.hub.cfg.maxInflow }

// throttle gives loops that are behind some time. It stands between one event of a dispatcher and its next.
func (h *Hub) throttle(parts uint64) {
	for ; parts != 0; parts &= parts - 1 {
		l := h.loops[bits.TrailingZeros64(parts)]
		for waited := time.Duration(0); waited < maxThrottle && l.behind(); waited += throttleStep {
			time.Sleep(throttleStep)
		}
	}
}

// pauseFor stops reading a spoke whose events go to a loop that is behind.
func (l *loop) pauseFor(to *loop, s *Spoke) {
	if s.marks&targetBehind == 0 && s.phase == open {
		l.pauseReading(s, targetBehind)
		l.flow.waiting = append(l.flow.waiting, waiter{s, to})
	}
	if !l.stillBehind(to) {
		l.resumeWaiting()
	}
}

// stillBehind says whether a loop is behind. If it is, it will tell this one when it has caught up.
func (l *loop) stillBehind(to *loop) bool {
	to.shared.inflow.waiters.Or(1 << l.index)
	return to.behind()
}

// resumeWaiting reads the spokes again that waited for a loop which has caught up.
func (l *loop) resumeWaiting() {
	left := l.flow.waiting[:0]
	for _, w := range l.flow.waiting {
		if w.spoke.phase == open && l.stillBehind(w.to) {
			left = append(left, w)
			continue
		}
		l.resumeReading(w.spoke, targetBehind)
	}
	clear(l.flow.waiting[len(left):])
	l.flow.waiting = left
}

// publishProgress tells what the loop has taken in this turn, and those who wait for it once it is no longer behind.
func (l *loop) publishProgress() {
	if l.flow.taken == 0 {
		return
	}
	in := &l.shared.inflow
	in.taken.Add(l.flow.taken)
	l.flow.taken = 0
	if in.waiters.Load() == 0 || l.behind() {
		return
	}
	for waiters := in.waiters.Swap(0); waiters != 0; waiters &= waiters - 1 {
		l.hub.loops[bits.TrailingZeros64(waiters)].reactor.Post(caughtUp{})
	}
}

// caughtUp tells a loop that one for which it waited has caught up.
type caughtUp struct{}

// Do reads on.
func (caughtUp) Do(r *netpoll.Reactor) { r.Handler().(*loop).resumeWaiting() }

// pauseReading stops reading an open spoke for one of the reasons in notRead.
func (l *loop) pauseReading(s *Spoke, why marks) {
	if s.marks&why == 0 && s.phase == open {
		s.marks |= why
		l.reactor.Pause(s.conn.Slot)
	}
}

// resumeReading takes away one of the reasons. The spoke is read again when none is left.
func (l *loop) resumeReading(s *Spoke, why marks) {
	if s.marks&why != 0 {
		s.marks &^= why
		if s.marks&notRead == 0 && s.phase == open {
			l.reactor.Resume(s.conn.Slot)
		}
	}
}
