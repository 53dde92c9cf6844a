package fanout

import (
	"slices"
	"time"
)

// closings are the connections that are being closed, those whose handshake was refused included: they wait for their last
// frame to be sent and for their peers to answer, and where room is needed for others, the one that has waited for longest
// goes first. They belong to the loop's goroutine. The few connections over the limits make room for nobody and are left out.
//
// I1: a connection stands here once while it is marked awaited: from startClosing on until it ends.
// I2: they stand in the order in which their closing began.
type closings struct {
	queue []closingSince
	// next is the index of the first that may be left in queue, live how many are.
	next, live int
	// discarded is how many bytes of a connection, by slot, came since its closing began.
	discarded map[uint32]int
}

// closingSince is a connection and when its closing began, since epoch.
type closingSince struct {
	spoke *Spoke
	since time.Duration
}

// epoch is what all loops reckon the order of closings from.
var epoch = time.Now()

const (
	// maxDiscarded is how much a closing spoke may still send, beside a message of Config.MaxMessage: more than what is on its
	// way from an honest peer, which has yet to read that it is being closed. The buffers of a connection rarely hold as much.
	maxDiscarded = 16 << 20
	// maxRefusedBytes is the same for a connection whose handshake was refused.
	maxRefusedBytes = 256 << 10
	// refusalTimeout is how long such a connection may take, unless Config.CloseTimeout is shorter.
	refusalTimeout = 5 * time.Second
)

// awaitEnd has a connection that is closing end by itself after a while, however its peer behaves.
func (l *loop) awaitEnd(s *Spoke) {
	timeout := l.hub.cfg.CloseTimeout
	if s.marks&refused != 0 {
		timeout = min(timeout, refusalTimeout)
	}
	l.reactor.SetDeadline(s.conn.Slot, timeout)
}

// await adds a connection that begins to close.
func (l *loop) await(s *Spoke) {
	if s.marks&countedIn == 0 {
		return
	}
	c := &l.ending.closings
	s.marks |= awaited
	c.queue = append(c.queue, closingSince{s, time.Since(epoch)})
	c.live++
	l.shared.oldestClosing.Store(c.oldest())
}

// awaitNoMore takes out a connection that has ended.
func (l *loop) awaitNoMore(s *Spoke) {
	c := &l.ending.closings
	delete(c.discarded, s.conn.Slot)
	if s.marks&awaited == 0 {
		return
	}
	s.marks &^= awaited
	c.live--
	c.tidy()
	l.shared.oldestClosing.Store(c.oldest())
}

// tidy moves on to the first connection that is left, and gives back the memory of those that are not.
func (c *closings) tidy() {
	for c.next < len(c.queue) && c.queue[c.next].spoke.marks&awaited == 0 {
		c.queue[c.next].spoke = nil
		c.next++
	}
	switch rest := c.queue[c.next:]; {
	case len(rest) == 0:
		c.queue, c.next = c.queue[:0], 0
		if cap(c.queue) > largeClosings {
			c.queue, c.discarded = nil, nil
		}
	case len(c.queue) > 2*c.live+largeClosings:
		rest = slices.DeleteFunc(rest, func(x closingSince) bool { return x.spoke.marks&awaited == 0 })
		c.queue, c.next = append(make([]closingSince, 0, 2*len(rest)), rest...), 0
	}
}

// largeClosings is how many entries of connections that have ended may stand in closings.
const largeClosings = 64

// oldest is when the closing began that has taken longest, as loopShared tells it: never 0 but for none.
func (c *closings) oldest() int64 {
	if c.live == 0 {
		return 0
	}
	return int64(c.queue[c.next].since) + 1
}

// discard accounts for input of a closing connection, which nobody reads any more. A peer that goes on and on is ended.
func (l *loop) discard(s *Spoke, size int) {
	c, limit := &l.ending.closings, maxDiscarded+l.hub.cfg.MaxMessage
	if s.marks&refused != 0 {
		limit = maxRefusedBytes
	}
	if c.discarded == nil {
		c.discarded = make(map[uint32]int)
	}
	c.discarded[s.conn.Slot] += size
	if c.discarded[s.conn.Slot] > limit {
		l.end(s, Cause{})
	}
}
