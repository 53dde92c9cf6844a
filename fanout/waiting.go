package fanout

import (
	"bytes"

	"github.com/spokehub/spokehub/event"
)

// waiter is a spoke that is not read because a loop has no room for what it relays: because the loop is behind, or because a
// receiver on it is congested. Or, with to being nil, because the broker has yet to append what it has published. It keeps the message that has to wait and
// what had been read behind it.
type waiter struct {
	spoke *Spoke
	to    *loop
	of    receivers
	size  int64
	// message is the envelope that waits, nil if it waits in the inbox. rest came behind it and has not been looked at.
	message []byte
	rest    []byte
}

// bytes is the memory that the waiter keeps.
func (w *waiter) bytes() int64 { return int64(cap(w.message) + cap(w.rest)) }

// flowState is what a loop knows of the flow of frames. It belongs to the loop's goroutine.
//
// I1: waiting holds the spokes that are not read because of a loop that they relay to, who has waited longest first. Those
// that are closed meanwhile are dropped when the loop looks again.
type flowState struct {
	waiting []waiter
	// spare is the memory of the list before.
	spare []waiter
	// retry says that some of them may go on.
	retry bool
	// kept is the memory that waiting keeps, which counts against the memory budget.
	kept int64
	// taken is how many bytes of frames this turn has taken.
	taken int64
	holds holdList
	lags  loopLags
	// waits has what spokes wait for that other hubs or the broker do.
	waits map[*Spoke]spokeWait
	walks []*walk
	slow  slowLook
}

// maxResumed is how many bytes of waiting spokes a turn sees to; a spoke's last message may exceed it.
const maxResumed = 128 << 10

// makeWait has a spoke wait, and not be read, until a loop has room for the message that it wants to relay.
func (l *loop) makeWait(s *Spoke, out *outgoing, raw []byte) {
	if s.phase != open || s.marks&targetBehind != 0 {
		return
	}
	l.pauseReading(s, targetBehind)
	w := waiter{spoke: s, to: out.full, of: out.receivers, size: out.size, message: bytes.Clone(raw)}
	l.keep(s, w.bytes())
	l.flow.waiting = append(l.flow.waiting, w)
	if !l.stillWaits(&w) {
		l.retryWaiting()
	}
}

// keepRest keeps what was read of a spoke behind the message for which it was just made to wait.
func (l *loop) keepRest(s *Spoke, view []byte) {
	w := &l.flow.waiting[len(l.flow.waiting)-1]
	if w.spoke == s {
		w.rest = bytes.Clone(view)
		l.keep(s, int64(cap(w.rest)))
	}
}

// keep counts memory that is kept of a spoke, and with less than none memory that is no longer.
func (l *loop) keep(s *Spoke, bytes int64) {
	l.flow.kept += bytes
	s.kept = uint32(int64(s.kept) + bytes)
}

// stillWaits says whether a spoke has to wait on. If it has, the loop it waits for will notify this one.
func (l *loop) stillWaits(w *waiter) bool {
	if w.to == nil {
		return !l.hub.cluster.appends.hasRoomFor(w.spoke)
	}
	w.to.shared.inflow.waiters.Or(1 << l.index)
	return !w.to.admits(w.of, w.size)
}

// retryWaiting has a turn look at the spokes that wait.
func (l *loop) retryWaiting() {
	l.flow.retry = true
	l.reactor.LookAgain()
}

// resumeWaiting lets the spokes go on for which there is room now, who has waited longest first, as far as one turn may.
func (l *loop) resumeWaiting() {
	if !l.flow.retry {
		return
	}
	l.flow.retry = false
	todo := l.flow.waiting
	l.flow.waiting = l.flow.spare[:0]
	kept := todo[:0]
	left := int64(maxResumed)
	for i := range todo {
		w := todo[i]
		switch {
		case w.spoke.phase != open:
			l.keep(w.spoke, -w.bytes())
		case left <= 0 || l.stillWaits(&w):
			kept = append(kept, w)
		default:
			left -= w.bytes()
			l.goOn(&w)
		}
	}
	if left <= 0 && len(kept) > 0 {
		l.retryWaiting()
	}
	clear(todo[len(kept):])
	again := l.flow.waiting
	l.flow.waiting = append(kept, again...)
	clear(again)
	l.flow.spare = again[:0]
	if len(l.flow.waiting) == 0 {
		l.flow.waiting, l.flow.spare = nil, nil
	}
}

// goOn sends what a spoke waited with, acts on what was read behind it, and reads on, unless it has to wait again.
func (l *loop) goOn(w *waiter) {
	s := w.spoke
	l.keep(s, -w.bytes())
	s.marks &^= targetBehind
	if s.marks&hubNotReading == 0 {
		l.endGap(s)
	}
	if w.message != nil && l.scratch.view.Parse(w.message) == nil {
		l.relay(s, w.message)
	}
	if s.marks&targetBehind != 0 {
		l.keepRest(s, w.rest)
		return
	}
	if w.message == nil {
		l.markReady(s)
	}
	if s.phase == open {
		l.parse(s, w.rest)
		l.charge(s)
	}
	if s.phase == open && s.marks&notRead == 0 {
		l.reactor.Resume(s.conn.Slot)
	}
}

// letGo ends the waiting of a spoke that ends or is handed back, if it waits. The message that it waits with is sent in spite
// of what it waits for, since listeners have heard it; what was read behind it is returned.
func (l *loop) letGo(s *Spoke) (rest []byte) {
	if s.marks&targetBehind == 0 {
		return nil
	}
	s.marks &^= targetBehind
	for i := range l.flow.waiting {
		w := &l.flow.waiting[i]
		if w.spoke != s {
			continue
		}
		rest = w.rest
		var view event.View
		if w.message != nil && view.Parse(w.message) == nil {
			l.counts.relayed++
			l.hub.publish(&outgoing{view: &view, except: s, on: l})
		}
		l.keep(s, -w.bytes())
		w.message, w.rest = nil, nil
		break
	}
	return rest
}
