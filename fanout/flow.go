package fanout

import (
	"context"
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

// admits says whether an event of that size for those receivers may be sent now: whether it finds room on its way to the
// loop, and the loop does not hold it back. Any goroutine may call it.
func (l *loop) admits(of receivers, size int64) bool {
	return l.shared.inflow.hasRoom(size, l.hub.cfg.maxInflow) && !l.shared.holds.isShut(of, size)
}

// throttle delays a dispatcher for loops that are behind or hold the event's topics back, between one event and the next.
func (h *Hub) throttle(parts uint64, of receivers, size int64) {
	for ; parts != 0; parts &= parts - 1 {
		l := h.loops[bits.TrailingZeros64(parts)]
		for waited := time.Duration(0); waited < maxThrottle && (l.behind() || l.shared.holds.isShut(of, size)); waited += throttleStep {
			time.Sleep(throttleStep)
		}
	}
}

// awaitLoops waits for loops that are behind, as long as throttle would, but not for their spokes: what comes from other hubs is of many topics, and
// whoever reads one of them slowly must not delay the others.
func (h *Hub) awaitLoops(parts uint64) {
	for ; parts != 0; parts &= parts - 1 {
		l := h.loops[bits.TrailingZeros64(parts)]
		for waited := time.Duration(0); waited < maxThrottle && l.behind(); waited += throttleStep {
			time.Sleep(throttleStep)
		}
	}
}

// refillPatience is how long a hub waits for receivers that are behind, each time it has read events of a stream again.
const refillPatience = 250 * time.Millisecond

// awaitReceivers waits until the loops and the spokes have room that events of a stream have gone to, but not for long.
func (h *Hub) awaitReceivers(ctx context.Context, sent sentFrames) {
	for ; sent.parts != 0; sent.parts &= sent.parts - 1 {
		l := h.loops[bits.TrailingZeros64(sent.parts)]
		for waited := time.Duration(0); waited < refillPatience && ctx.Err() == nil && !l.admits(sent.receivers, sent.size); waited += throttleStep {
			time.Sleep(throttleStep)
		}
	}
}

// publishProgress adds up what the loop took in this turn, and notifies the loops that wait for it once it has caught up.
func (l *loop) publishProgress() {
	if l.flow.taken == 0 {
		return
	}
	l.shared.inflow.taken.Add(l.flow.taken)
	l.flow.taken = 0
	if !l.behind() {
		l.notifyWaiters()
	}
}

// notifyWaiters has the loops that found no room in this one look again. Any goroutine may call it.
func (l *loop) notifyWaiters() {
	if l.shared.inflow.waiters.Load() == 0 {
		return
	}
	for waiters := l.shared.inflow.waiters.Swap(0); waiters != 0; waiters &= waiters - 1 {
		l.hub.loops[bits.TrailingZeros64(waiters)].reactor.Post(roomAhead{})
	}
}

// roomAhead notifies a loop that one it waited for may have room.
type roomAhead struct{}

// Do has the turn that runs it look at the spokes that wait.
func (roomAhead) Do(r *netpoll.Reactor) { r.Handler().(*loop).flow.retry = true }

// pauseReading stops reading an open spoke for one of the reasons in notRead.
func (l *loop) pauseReading(s *Spoke, why marks) {
	if s.marks&why == 0 && s.phase == open {
		if why&hubNotReading != 0 && s.marks&hubNotReading == 0 {
			l.beginGap(s)
		}
		s.marks |= why
		l.reactor.Pause(s.conn.Slot)
	}
}

// resumeReading takes away one of the reasons. The spoke is read again when none is left.
func (l *loop) resumeReading(s *Spoke, why marks) {
	if s.marks&why != 0 {
		s.marks &^= why
		if why&hubNotReading != 0 && s.marks&hubNotReading == 0 {
			l.endGap(s)
		}
		if s.marks&notRead == 0 && s.phase == open {
			l.reactor.Resume(s.conn.Slot)
		}
	}
}
