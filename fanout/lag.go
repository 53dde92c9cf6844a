package fanout

import (
	"slices"
	"strings"
	"time"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/stream"
)

// lag is what a loop knows of a spoke that does not get all events when they come: because it has come back and gets first what it has missed, or
// because it does not keep up with a type whose policy lets it catch up. It exists until the spoke gets everything live again. Its
// connection is marked so (netpoll.Sender.SetLagging), and while it is, each event for the spoke passes deliverPast.
//
// I1: loopLags.bySpoke has the lag of each open spoke whose connection is marked, and no other.
// I2: cursors has at least one, at most one of a type, in the order of types.
// I3: while awaitsAck the control event that made a cursor has not been answered, and nothing is fed.
type lag struct {
	spoke   *Spoke
	cursors []*cursor
	// at is the index of the cursor that is fed next.
	at int
	// held is the memory of the lag and its cursors.
	held int
	// awaitsAck is what I3 says, isListed that loopLags.ready has the lag.
	awaitsAck bool
	isListed  bool
	// waits is since when the spoke can't be fed because too much is on its way to it, 0 if it can.
	waits time.Duration
	// resumed is when the first subscription of a spoke took effect that said where it had been; 0 if it has not come back (netpoll.Moment).
	resumed time.Duration
	scope   gapScope
}

// gapScope is what a gap of a cursor is about: the topic that it names, empty if the spoke has none of the type any more, and from which
// offset on the spoke is to get the stream. To find that out takes a look at all topics of the spoke, so it is done once a page: it holds as
// long as loopLags.pageNumber is the same.
type gapScope struct {
	of    *cursor
	page  uint64
	topic string
	first uint64
}

// loopLags are the spokes of a loop that lag. It belongs to the loop's goroutine.
type loopLags struct {
	bySpoke map[*Spoke]*lag
	// ready are those that may be fed, spare is the memory of the list before.
	ready, spare []*lag
	// held is the memory of all lags.
	held int
	// pageNumber numbers what is read of streams, so that nothing of a spoke changes between two numbers. isPaused says that the store could
	// not be read lately.
	pageNumber uint64
	isPaused   bool
	feeder
	// passed, like topic, is scratch.
	passed []uint32
	topic  []byte
}

// find is the cursor of a type, or where it belongs.
func (g *lag) find(typ []byte) (c *cursor, at int) {
	at, found := slices.BinarySearchFunc(g.cursors, typ, func(c *cursor, typ []byte) int { return strings.Compare(c.typ, string(typ)) })
	if found {
		return g.cursors[at], at
	}
	return nil, at
}

// cursorOf returns that of a spoke in a type, and made if there is none.
func (l *loop) cursorOf(s *Spoke, policy *stream.Policy, typ []byte, next uint64) (*lag, *cursor) {
	g := l.flow.lags.bySpoke[s]
	if g == nil {
		g = &lag{spoke: s}
		l.flow.lags.bySpoke[s] = g
		l.flow.lags.count(g, lagBytes)
		l.sender.SetLagging(s.conn.Slot, true)
	}
	c, at := g.find(typ)
	if c == nil {
		c = &cursor{typ: string(typ), policy: policy, next: next, others: beginning{from: next, base: next}}
		g.cursors = slices.Insert(g.cursors, at, c)
		l.flow.lags.count(g, c.memory())
	}
	return g, c
}

// lagBytes is about what a lag takes besides its cursors.
const lagBytes = 176

// count notes how much more memory a lag takes.
func (q *loopLags) count(g *lag, bytes int) {
	g.held += bytes
	q.held += bytes
}

// memory is that of all lags, and of what they share.
func (q *loopLags) memory() int { return q.held + q.runs.held() }

// heldBy is the memory of a spoke's lag.
func (q *loopLags) heldBy(s *Spoke) int {
	if g := q.bySpoke[s]; g != nil {
		return g.held
	}
	return 0
}

// endCursor has a spoke get all events of a type live again. What it is still owed has been trimmed.
func (l *loop) endCursor(g *lag, c *cursor) {
	if c.owed > 0 {
		l.sender.CountDropped(uint64(c.owed), netpoll.DropTrimmed)
	}
	l.flow.lags.count(g, -c.memory())
	_, at := g.find(borrow(c.typ))
	g.cursors = slices.Delete(g.cursors, at, at+1)
	if g.at > at {
		g.at--
	}
	if len(g.cursors) == 0 {
		if g.resumed != 0 {
			l.counts.resumeTimes.Observe(netpoll.Moment()-g.resumed, 1)
		}
		l.dropLag(g)
	}
}

// endLag drops what a spoke lags behind with, for it is closed or removed.
func (l *loop) endLag(s *Spoke) {
	g := l.flow.lags.bySpoke[s]
	if g == nil {
		return
	}
	l.dropLag(g)
	for _, c := range g.cursors {
		if c.owed > 0 {
			l.sender.CountDropped(uint64(c.owed), netpoll.DropClosed)
		}
	}
	g.cursors = nil
}

func (l *loop) dropLag(g *lag) {
	l.flow.lags.held -= g.held
	delete(l.flow.lags.bySpoke, g.spoke)
	if len(l.flow.lags.bySpoke) == 0 {
		l.flow.lags.runs.drop()
	}
	l.sender.SetLagging(g.spoke.conn.Slot, false)
}

// deliverPast sees to the connections that an event has been passed over with: those that lag, and those that it has found behind.
func (l *loop) deliverPast(f *frame, passed []uint32) {
	l.flow.lags.passed = append(l.flow.lags.passed[:0], passed...)
	for _, slot := range l.flow.lags.passed {
		s := l.spoke(slot)
		g := l.flow.lags.bySpoke[s]
		var c *cursor
		if g != nil && f.policy != nil {
			c, _ = g.find(f.typ)
		}
		switch {
		case c == nil:
			if !l.sendPast(s, f) {
				l.fallBehind(s, f)
			} else if g == nil {
				l.sender.SetLagging(slot, false)
			}
		case f.kept == nil:
			l.skip(c)
		default:
			l.passOver(g, c, f)
		}
	}
}

// sendPast queues an event on a spoke that lags, and reports false if it is behind with it.
func (l *loop) sendPast(s *Spoke, f *frame) bool {
	if !l.sender.SendPast(s.conn.Slot, f.sent()) {
		return false
	}
	if met, _ := l.sender.Met(); met != netpoll.NoSlot {
		if f.match.Type != nil {
			l.holdTopics(f, met, netpoll.NoSlot)
		} else {
			l.holdTopics(f, netpoll.NoSlot, met)
		}
	}
	return true
}

// fallBehind begins to catch a spoke up which is behind with an event, or to skip those of its type.
func (l *loop) fallBehind(s *Spoke, f *frame) {
	l.counts.fellBehind++
	if f.kept == nil {
		_, c := l.cursorOf(s, f.policy, f.typ, 0)
		l.skip(c)
	} else {
		_, c := l.cursorOf(s, f.policy, f.typ, f.kept.offset)
		c.epoch = f.epoch
		c.owed++
		c.isLatest = f.policy.Behind == stream.Latest
	}
	l.sender.NotifyDrained(s.conn.Slot)
}

// skip drops an event of a type without a stream.
func (l *loop) skip(c *cursor) {
	c.gap.missed++
	l.sender.CountDropped(1, netpoll.DropSkipped)
}

// passOver leaves an event of a stream to the cursor. If the spoke has all that lies ahead of it, it gets it live, and all that follows.
func (l *loop) passOver(g *lag, c *cursor, f *frame) {
	if f.epoch != c.epoch && c.epoch != "" {
		l.passOverStrange(g, c, f)
		return
	}
	offset := f.kept.offset
	d := c.dueOf(l, g.spoke.conn.Slot, offset, f.kept.ID())
	if c.isAtEnd && offset >= c.next && d.wanted && !g.awaitsAck {
		if l.sendPast(g.spoke, f) {
			l.endCursor(g, c)
			return
		}
		l.counts.fellBehind++
		l.sender.NotifyDrained(g.spoke.conn.Slot)
	}
	if c.isAtEnd && offset >= c.next {
		c.isAtEnd = false
		l.feedSoon(g)
	}
	if d.dispatched {
		c.owed++
		l.noteBehind(g, c)
	}
}

// noteBehind has a spoke that does not keep up while it is sent what it came back for get only the newest of all that has come since, if
// the policy says so.
func (l *loop) noteBehind(g *lag, c *cursor) {
	if c.isLatest || c.policy.Behind != stream.Latest {
		return
	}
	slot, most := g.spoke.conn.Slot, l.hub.cfg.behind(c.policy)
	isFull := l.sender.Charge(slot) > most && !l.sender.HasRoom(slot, 0, most)
	if isFull || g.waits > 0 && l.reactor.Now()-g.waits >= latestPatience {
		c.isLatest = true
		l.counts.fellBehind++
	}
}
