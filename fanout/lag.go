package fanout

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// lag is how far a lane is behind with what others have for it. Events on their way to a reactor have left the queue of whoever
// sent them and are in no spoke's yet, so no limit of a spoke holds for them: this one does. A lane that is behind by more than
// a few full queues is waited for. A spoke that relays to it is not read until it has caught up; who dispatches to it is slowed
// down, but never stopped: the embedder's own log handler may dispatch, on the goroutine of the very reactor that is behind.
//
// I1: posted grows by a message's bytes before the message is posted to the lane, taken when the lane has taken it, so their
// difference is never less than what waits.
// I2: a lane that sets its bit in waiters and finds the other still behind then will be told.
type lag struct {
	posted  atomic.Int64
	taken   atomic.Int64
	waiters atomic.Uint64
}

const (
	lagQueues   = 8
	lagShare    = 4
	brakeMost   = 10 * time.Millisecond
	brakeLength = 500 * time.Microsecond
)

// bytes is how much was posted and not taken.
func (g *lag) bytes() int64 { return g.posted.Load() - g.taken.Load() }

// lagLimit is how much may wait for a lane: some full queues, but in all lanes no more than a quarter of the memory budget, and
// never less than one event.
func (c *Config) lagLimit() int64 {
	share := c.MemoryBudget / int64(lagShare*c.Reactors)
	return min(int64(lagQueues)*int64(c.QueueLimit), max(share, int64(c.QueueLimit)))
}

// behind says whether so much waits for the lane that nobody should bring more.
func (l *lane) behind() bool { return l.lag.bytes() > l.hub.mostLag }

// post has the lane take a message, whose reference the caller gives away.
func (l *lane) post(m *message) {
	size := int64(m.Len())
	l.lag.posted.Add(size)
	if !l.reactor.Post(m) {
		l.lag.posted.Add(-size)
		m.Release()
	}
}

// brake gives lanes that are behind some time. It stands between one event of a dispatcher and its next.
func (h *Hub) brake(parts uint64) {
	for ; parts != 0; parts &= parts - 1 {
		l := h.lanes[bits.TrailingZeros64(parts)]
		for waited := time.Duration(0); waited < brakeMost && l.behind(); waited += brakeLength {
			time.Sleep(brakeLength)
		}
	}
}

// waiter is a spoke that is not read because a lane is behind.
type waiter struct {
	spoke *Spoke
	to    *lane
}

// waitFor stops reading a spoke whose events go to a lane that is behind.
func (l *lane) waitFor(to *lane, s *Spoke) {
	if s.marks&lagging == 0 && s.phase == open {
		s.marks |= lagging
		l.reactor.Pause(s.conn.Slot)
		l.waiting = append(l.waiting, waiter{s, to})
	}
	if !l.stillBehind(to) {
		l.goOn()
	}
}

// stillBehind says whether a lane is behind; where it is, it will tell when it no longer is.
func (l *lane) stillBehind(to *lane) bool {
	to.lag.waiters.Or(1 << l.index)
	return to.behind()
}

// goOn reads the spokes again that waited for a lane which has caught up.
func (l *lane) goOn() {
	kept := l.waiting[:0]
	for _, w := range l.waiting {
		if w.spoke.phase == open && l.stillBehind(w.to) {
			kept = append(kept, w)
			continue
		}
		l.unhold(w.spoke, lagging)
	}
	clear(l.waiting[len(kept):])
	l.waiting = kept
}

// catchUp publishes what the lane has taken, and tells those who wait for it once it is no longer behind.
func (l *lane) catchUp() {
	if l.took == 0 {
		return
	}
	l.lag.taken.Add(l.took)
	l.took = 0
	if l.lag.waiters.Load() == 0 || l.behind() || defectCatchesUpSilently {
		return
	}
	for waiters := l.lag.waiters.Swap(0); waiters != 0; waiters &= waiters - 1 {
		l.hub.lanes[bits.TrailingZeros64(waiters)].reactor.Post(caughtUp{})
	}
}

// caughtUp tells a lane that one for which it waited has caught up.
type caughtUp struct{}

// Do goes on reading.
func (caughtUp) Do(r *netpoll.Reactor) { r.Handler().(*lane).goOn() }
