package fanout

import (
	"slices"
	"strings"
	"time"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/stream"
)

const (
	// lagShare: one part in so many of QueueLimit may wait for a spoke whose socket is full until it is behind. That is less than what
	// makes a connection crowded, so nobody who publishes waits for a spoke that lags.
	lagShare = 4
	// feedShare: one part in so many of QueueLimit is what a spoke is fed at a time, and how much may wait for it ahead of that. With the
	// default it fits into memory that netpoll uses again.
	feedShare = 16
	// latestBehind is lagShare in bytes for a type of which a spoke that lags gets only the newest event of each id, latestUnsent how much the
	// kernel takes ahead of sending it from who is subscribed to such a type, and latestPage how much a spoke is fed at a time that lags: what waits
	// gets old.
	latestBehind = 16 << 10
	latestUnsent = 16 << 10
	latestPage   = 4 << 10
	// latestPatience is how long a spoke may take for what it is fed until it counts as behind where it gets the newest of each id.
	latestPatience = 100 * time.Millisecond
	// feedEvents is how many events are read of a stream at a time, fewEvents how many where they go to groupMost spokes, and feedSlice for
	// how long a turn feeds.
	feedEvents = 512
	fewEvents  = 32
	groupMost  = 512
	feedSlice  = 2 * time.Millisecond
	// readPause is how long a loop leaves a store alone that it could not read.
	readPause = 100 * time.Millisecond
)

// feeder is the scratch of feeding: those who are fed now, a group of them that are at the same place, and what they get.
type feeder struct {
	now   []feeding
	slots []uint32
	slot  [1]uint32
	page  stream.Page
	names []string
	runs  runs
}

// feeding is a spoke that is fed, from the stream of one of its cursors. If isWhole, it gets all events, and those from base on were
// dispatched to it; if isPlain, it gets them as they are, and there is nothing to tell besides.
type feeding struct {
	lag              *lag
	cursor           *cursor
	slot             uint32
	base             uint64
	isWhole, isPlain bool
}

// feedSoon has this turn or the next feed a spoke that lags.
func (l *loop) feedSoon(g *lag) {
	if !g.isListed {
		g.isListed = true
		l.flow.lags.ready = append(l.flow.lags.ready, g)
		l.reactor.LookAgain()
	}
}

// goOnFeeding is feedSoon for a spoke that may lag, when something has changed that it was waiting for.
func (l *loop) goOnFeeding(s *Spoke) {
	if len(l.flow.lags.bySpoke) > 0 {
		if g := l.flow.lags.bySpoke[s]; g != nil {
			l.feedSoon(g)
		}
	}
}

// feed sends spokes that lag what they have missed, as far as their sockets take it and one turn may. Those at the same place in
// the same stream are fed together. How long a delivery takes is counted from here (Latencies).
func (l *loop) feed() {
	q := &l.flow.lags
	if len(q.ready) == 0 || q.isPaused {
		return
	}
	todo := q.ready
	q.ready = q.spare[:0]
	l.sender.CountFrom(netpoll.Moment())
	defer l.sender.CountFrom(0)
	for started := time.Now(); len(todo) > 0 && !q.isPaused && !l.reactor.IsHeavy() && time.Since(started) < feedSlice; {
		todo = l.feedRound(todo, started)
	}
	for _, g := range todo {
		g.isListed = false
		l.feedSoon(g)
	}
	clear(todo)
	q.spare = todo[:0]
}

// feedRound feeds each spoke once, unless the slice that has started ends before, and returns those that may be fed on at once.
func (l *loop) feedRound(todo []*lag, started time.Time) (more []*lag) {
	q := &l.flow.lags
	f := &q.feeder
	f.now = f.now[:0]
	q.pageNumber++
	more = todo[:0]
	for _, g := range todo {
		g.isListed = false
		if c := l.nextCursor(g); c != nil {
			g.isListed = true
			slot := g.spoke.conn.Slot
			base, isWhole := c.isWhole(l, slot)
			isWhole = isWhole && (!c.isLatest || len(c.begins) <= 1)
			isPlain := isWhole && !c.isLatest && c.gap.told == 0 && c.gap.missed == 0
			f.now = append(f.now, feeding{lag: g, cursor: c, slot: slot, base: base, isWhole: isWhole, isPlain: isPlain})
			more = append(more, g)
		}
	}
	clear(todo[len(more):])
	if len(f.now) > 1 {
		slices.SortFunc(f.now, feeding.compare)
	}
	rest := f.now
	for isFirst := true; len(rest) > 0 && (isFirst || time.Since(started) < feedSlice); isFirst = false {
		n := 1
		for n < len(rest) && (n < groupMost || rest[0].isPlain) && rest[n].compare(rest[0]) == 0 {
			n++
		}
		l.feedGroup(rest[:n])
		if q.isPaused {
			break
		}
		rest = rest[n:]
	}
	for i := range rest {
		rest[i].lag.at--
	}
	clear(f.now)
	return more
}

func (a feeding) compare(b feeding) int {
	if n := strings.Compare(a.cursor.typ, b.cursor.typ); n != 0 {
		return n
	}
	if n := strings.Compare(a.cursor.epoch, b.cursor.epoch); n != 0 {
		return n
	}
	switch {
	case a.isPlain != b.isPlain:
		return order(a.isPlain)
	case a.cursor.isLatest != b.cursor.isLatest:
		return order(a.cursor.isLatest)
	case a.cursor.next < b.cursor.next:
		return -1
	case a.cursor.next > b.cursor.next:
		return 1
	}
	return 0
}

// order is that of one who is something and one who is not.
func order(isFirst bool) int {
	if isFirst {
		return -1
	}
	return 1
}

// nextCursor returns the cursor of a spoke that is fed next, nil if it can't be fed now: then it is listed again when that has changed, and
// only then, so that nobody stands in a list twice. Cursors that have nothing left to do end.
func (l *loop) nextCursor(g *lag) *cursor {
	s := g.spoke
	if s.phase != open || g.awaitsAck || s.marks&answersBlocked != 0 || l.isGated(s) || l.sender.IsRefusing(s.conn.Slot) {
		return nil
	}
	charge := l.sender.Charge(s.conn.Slot)
	if charge > l.hub.cfg.QueueLimit/feedShare {
		l.awaitRoom(g)
		return nil
	}
	isWaiting := false
	for range g.cursors {
		if len(g.cursors) == 0 {
			return nil
		}
		if g.at >= len(g.cursors) {
			g.at = 0
		}
		c := g.cursors[g.at]
		switch {
		case c.policy.History.IsZero():
			l.tellGap(g, c)
			l.endCursor(g, c)
		case c.isAtEnd && l.isDelivered(c):
			l.endCursor(g, c)
		case c.isAtEnd:
			g.at++
			isWaiting = true
		case (c.isLatest || c.isLong) && charge > 0:
			l.awaitRoom(g)
			return nil
		default:
			g.at++
			g.waits = 0
			return c
		}
	}
	if isWaiting {
		l.feedSoon(g)
	}
	return nil
}

// awaitRoom has a spoke be fed on once all that is queued for it has been sent.
func (l *loop) awaitRoom(g *lag) {
	if g.waits == 0 {
		g.waits = max(l.reactor.Now(), 1)
	}
	l.sender.NotifyDrained(g.spoke.conn.Slot)
}

// unread notes that a stream could not be read: those who are fed from it are fed on in a while.
func (l *loop) unread(typ string, err error) {
	l.hub.log.unreadStream(typ, err)
	l.flow.lags.isPaused = true
	time.AfterFunc(readPause, func() { l.reactor.Post(feedAgain{}) })
}

// feedAgain is the task that ends the pause.
type feedAgain struct{}

// Do has the turn that runs it feed.
func (feedAgain) Do(r *netpoll.Reactor) { r.Handler().(*loop).flow.lags.isPaused = false }
