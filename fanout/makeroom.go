package fanout

import (
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// endedForRoom is how many closing connections are ended at a time where descriptors have run out.
const endedForRoom = 8

// waitShare is the part of Config.CloseTimeout for which a connection may close undisturbed: an honest peer that reads needs no
// more.
const waitShare = 10

// mayEnd is from when on a closing must have begun to be left alone, as loopShared tells it.
func (h *Hub) mayEnd() int64 { return int64(time.Since(epoch) - h.cfg.CloseTimeout/waitShare) }

// longestClosing is the loop with the connection that has been closing for longest, nil if none may be ended. Any goroutine may
// call it.
func (h *Hub) longestClosing() *loop {
	var longest *loop
	since := h.mayEnd()
	for _, l := range h.loops {
		if began := l.shared.oldestClosing.Load(); began != 0 && began < since {
			longest, since = l, began
		}
	}
	return longest
}

// endLongestClosing ends the n connections of this loop that have been closing for longest, if they may be ended. Open spokes
// and handshakes are left alone.
func (l *loop) endLongestClosing(n int) {
	c, since := &l.ending.closings, l.hub.mayEnd()
	for ; n > 0 && c.live > 0 && c.oldest() < since; n-- {
		l.hub.counters.closingEvicted.Add(1)
		l.end(c.queue[c.next].spoke, Cause{})
	}
}

// makeRoom ends closing connections because descriptors have run out. Any goroutine may call it: here is the loop on whose
// goroutine that is, nil on any other.
func (h *Hub) makeRoom(here *loop) {
	switch l := h.longestClosing(); l {
	case nil:
	case here:
		l.endLongestClosing(endedForRoom)
	default:
		l.reactor.Post(netpoll.TaskFunc(func(*netpoll.Reactor) { l.endLongestClosing(endedForRoom) }))
	}
}

// admitInstead ends the connection that has been closing for longest and counts another one in, if there is room then. It
// asks the loop: any goroutine but one of a loop may call it.
func (h *Hub) admitInstead(peer peerAddress) bool {
	l := h.longestClosing()
	if l == nil {
		return false
	}
	l.ask(func(*netpoll.Reactor) { l.endLongestClosing(1) })
	return h.admit(peer) == nil
}

// arrivalInstead is an accepted connection for which there is room only once one that is closing has ended.
type arrivalInstead arrival

// Do ends the one that has been closing for longest on this loop. The other takes its place, or is refused if it is taken.
func (a *arrivalInstead) Do(r *netpoll.Reactor) {
	l := r.Handler().(*loop)
	l.endLongestClosing(1)
	arrived := arrival(*a)
	l.settle(arrived, l.hub.admit(arrived.countsFor()), l)
}

// tellAccepting has a loop that has run out of descriptors try again, in the turn behind the one in which this loop has
// closed some.
func (l *loop) tellAccepting() {
	switch {
	case l.work.closed == nothingClosed:
	case !l.hub.shared.acceptPaused.Load():
		l.work.closed = nothingClosed
	case l.work.closed == closedNow:
		l.work.closed = closedBefore
		l.reactor.LookAgain()
	default:
		l.work.closed = nothingClosed
		l.hub.loops[0].reactor.Post(netpoll.TaskFunc((*netpoll.Reactor).RetryAccept))
	}
}

// closedWhen says whether a loop has closed descriptors for which another one may wait.
type closedWhen uint8

const (
	nothingClosed closedWhen = iota
	// closedNow: in this turn, at whose end they are free.
	closedNow
	// closedBefore: in the turn before.
	closedBefore
)
