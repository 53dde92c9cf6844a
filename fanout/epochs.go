package fanout

import (
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/stream"
)

// enterEpoch is for spokes whose stream was read and found to have another epoch than they are in. It tells them, and moves them to the new
// one; it reports false if theirs was not known, so that nothing is to be told.
func (l *loop) enterEpoch(group []feeding, page *stream.Page) (isAnother bool) {
	for i := range group {
		g := &group[i]
		if g.cursor.epoch == "" {
			g.cursor.epoch = page.Epoch
			continue
		}
		l.changeEpoch(g.lag, g.cursor, page)
		isAnother = true
	}
	return isAnother
}

// changeEpoch moves a cursor to the epoch that its stream has now, to the first event that is kept of that and was not in the one before. The spoke is told that it
// misses what there is ahead of that, and nobody knows what else of the epoch before. All that was found missing of that epoch and not told
// is part of it; what the spoke is owed of it is dropped. Events up to the top of the page were not dispatched to it, as far as the cursor
// is concerned: it gets them all the same.
func (l *loop) changeEpoch(g *lag, c *cursor, page *stream.Page) {
	if c.owed > 0 {
		l.sender.CountDropped(uint64(c.owed), netpoll.DropTrimmed)
	}
	for i := range c.begins {
		l.flow.lags.count(g, -beginningBytes-len(c.begins[i].topic))
	}
	fresh := max(page.Kept, l.hub.freshOf(c.typ))
	c.left, c.epoch, c.next = c.epoch, page.Epoch, fresh
	c.begins, c.others = nil, beginning{from: fresh, base: page.Top + 1}
	c.gap, c.stale, c.owed = openGap{}, staleEvents{}, 0
	c.isAtEnd, c.isLong = false, false
	g.scope = gapScope{}
	l.sendGap(g, c, event.Gap{From: 1, To: fresh - 1, Missed: -1, Reason: event.GapBroker})
}

// passOverStrange is passOver for an event of another epoch than the cursor is in. One of the epoch that it has left is dropped: the spoke
// was told. With any other the stream has a new one, which the next read finds.
func (l *loop) passOverStrange(g *lag, c *cursor, f *frame) {
	if f.epoch == c.left {
		l.sender.CountDropped(1, netpoll.DropTrimmed)
		return
	}
	c.isAtEnd = false
	l.feedSoon(g)
}

// freshOf is the first offset of a stream that was not in an epoch before, as far as this hub knows; 0 if it does not follow the stream.
func (h *Hub) freshOf(typ string) uint64 {
	if h.cluster == nil {
		return 0
	}
	f := h.cluster.interest.followerOf(borrow(typ))
	if f == nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isReplaying {
		return f.next
	}
	return f.fresh
}
