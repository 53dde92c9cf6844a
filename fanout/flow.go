package fanout

import (
	"math/bits"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

const (
	// maxThrottle is how long one event may be delayed for one loop, throttleStep how often that is reconsidered.
	maxThrottle  = 10 * time.Millisecond
	throttleStep = 500 * time.Microsecond
)

// behind says whether more waits for the loop than should. Any goroutine may call it.
func (l *loop) behind() bool { return l.shared.inflow.backlog() > l.hub.cfg.maxInflow }

// throttle delays a dispatcher for loops that are behind, between one event and the next.
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

// stillBehind says whether a loop is behind. If it is, it will notify this one when it has caught up.
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

// publishProgress adds up what the loop took in this turn, and notifies the loops that wait for it once it has caught up.
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

// caughtUp notifies a loop that one it waited for has caught up.
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
