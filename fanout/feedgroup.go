package fanout

import (
	"bytes"
	"slices"
	"strings"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/stream"
)

// feedGroup feeds spokes that are at the same place in the same stream: it is read once, and what is queued on all of them is shared.
func (l *loop) feedGroup(group []feeding) {
	if group[0].isPlain && l.feedRun(group) {
		return
	}
	f := &l.flow.lags.feeder
	at := group[0].cursor
	piece := l.hub.cfg.QueueLimit / feedShare
	query := stream.Query{After: at.next - 1, Events: max(feedEvents/len(group), fewEvents), Bytes: piece}
	if at.isLatest {
		query.Bytes = 0
	}
	if err := l.hub.streams.store.Read(at.typ, query, &f.page); err != nil {
		l.unread(at.typ, err)
		return
	}
	if f.page.Epoch != at.epoch && l.enterEpoch(group, &f.page) {
		f.page.Release()
		return
	}
	entries, expected, isUnknown := f.page.Entries, at.next, f.page.Missing < 0
	if at.isLatest {
		entries = l.newest(group, entries)
	}
	if len(entries) > 0 {
		group = l.withRoom(group, entries[0].Frame.(*keptFrame).Len() > piece)
	}
	if at.isLatest && len(entries) > 0 {
		expected = entries[0].Offset
		for j := range group {
			group[j].cursor.addGap(at.next, expected-1, isUnknown)
		}
		l.noteStale(group, entries)
	}
	for i := range entries {
		entry := &entries[i]
		r := entry.Frame.(*keptFrame)
		slots := f.slots[:0]
		for j := range group {
			if l.feedOne(&group[j], entry, r, expected, isUnknown) {
				slots = append(slots, group[j].slot)
			}
		}
		f.slots = slots
		if len(slots) > 0 {
			l.sender.FanoutPast(&r.Frame, slots)
		}
		expected = entry.Offset + 1
	}
	isAtEnd := len(entries) == 0 || expected > f.page.Top
	for j := range group {
		l.fed(&group[j], expected, &f.page, isAtEnd)
	}
	f.page.Release()
}

// withRoom returns those of a group that are fed now. An event that isLong needs an empty queue: who has anything queued gets it when that is
// sent.
func (l *loop) withRoom(group []feeding, isLong bool) (fed []feeding) {
	fed = group[:0]
	for i := range group {
		g := group[i]
		g.cursor.isLong = isLong && l.sender.Charge(g.slot) > 0
		if !g.cursor.isLong {
			fed = append(fed, g)
		}
	}
	return fed
}

// feedOne notes what an event of the stream means for one spoke, and says whether it gets it. What is missing ahead of it is told first.
func (l *loop) feedOne(g *feeding, entry *stream.Entry, r *keptFrame, expected uint64, isUnknown bool) bool {
	c := g.cursor
	c.addGap(expected, entry.Offset-1, isUnknown)
	if entry.Offset <= c.gap.told {
		c.gap.got++
	} else {
		l.passTold(g.lag, c)
	}
	d := g.dueOf(l, entry)
	if d.owed {
		c.owed--
	}
	if d.owed && !d.resumed && c.isLatest && entry.Superseded {
		l.sender.CountDropped(1, netpoll.DropSuperseded)
		return false
	}
	if d.wanted && c.gap.missed > 0 {
		l.tellGap(g.lag, c)
	}
	return d.wanted
}

// dueOf says what an event of the stream is to the spoke.
func (g *feeding) dueOf(l *loop, entry *stream.Entry) due {
	if g.isWhole {
		return due{wanted: true, owed: entry.Offset >= g.base, resumed: entry.Offset < g.base}
	}
	return g.cursor.dueOf(l, g.slot, entry.Offset, entry.Frame.ID())
}

// fed moves a cursor behind what its spoke has been fed.
func (l *loop) fed(g *feeding, next uint64, page *stream.Page, isAtEnd bool) {
	c := g.cursor
	c.next, c.isAtEnd = next, isAtEnd
	if !isAtEnd {
		return
	}
	c.addGap(next, page.Top, page.Missing < 0)
	c.next = max(next, page.Top+1)
	l.passTold(g.lag, c)
	l.tellMissing(g.lag, c)
}

// passTold tells how many events are missing after all of those which the answer to the subscription has promised.
func (l *loop) passTold(g *lag, c *cursor) {
	if lost := c.gap.expected - c.gap.got; lost > 0 {
		l.sendGap(g, c, event.Gap{From: c.gap.after + 1, To: c.gap.told, Missed: int64(lost), Reason: event.GapTrimmed})
	}
	c.gap.forgetAnswer()
}

// tellGap tells what a cursor has found missing, as far as a topic that the spoke has now begins there.
func (l *loop) tellGap(g *lag, c *cursor) {
	if first := l.scopeOf(g, c).first; c.gap.from < first && !c.policy.History.IsZero() {
		c.gap.startAt(first)
		if c.gap.missed == 0 {
			return
		}
	}
	gap := event.Gap{From: c.gap.from, To: c.gap.to, Missed: c.gap.missed, Reason: event.GapTrimmed}
	if c.policy.History.IsZero() {
		gap.Reason = event.GapSlow
	}
	if c.gap.isUnknown {
		gap.Missed = -1
	}
	c.gap.missed, c.gap.isUnknown = 0, false
	l.sendGap(g, c, gap)
}

// scopeOf is what gaps of a cursor are about.
func (l *loop) scopeOf(g *lag, c *cursor) *gapScope {
	q, x := &l.flow.lags, &g.scope
	if x.of == c && x.page == q.pageNumber {
		return x
	}
	*x = gapScope{of: c, page: q.pageNumber, topic: c.typ, first: c.others.from}
	q.topic = append(q.topic[:0], c.typ...)
	if len(c.begins) == 0 && l.part.Has(g.spoke.conn.Slot, q.topic) {
		return x
	}
	x.topic, x.first = "", event.MaxOffset
	q.names = l.part.AppendTopics(q.names[:0], g.spoke.conn.Slot)
	for _, name := range q.names {
		if of, _, _ := strings.Cut(name, ":"); of != c.typ {
			continue
		}
		x.first = min(x.first, c.begin(borrow(name)).from)
		if x.topic == "" {
			x.topic = name
		} else {
			x.topic = c.typ
		}
	}
	return x
}

// newest returns as many of the entries as have a page of events that one of the group gets: what another topic resumes is sent, though it
// is superseded.
func (l *loop) newest(group []feeding, entries []stream.Entry) []stream.Entry {
	left := min(latestPage, l.hub.cfg.QueueLimit/feedShare)
	for i := range entries {
		entry := &entries[i]
		resumes := func(g feeding) bool { return g.dueOf(l, entry).resumed }
		if entry.Superseded && !slices.ContainsFunc(group, resumes) {
			continue
		}
		if left -= entry.Frame.(*keptFrame).Len(); left < 0 && i > 0 {
			return entries[:i]
		}
	}
	return entries
}

// noteStale notes which events of a page spokes do not get, because each has a newer one of its id behind it, and tells those that get
// others.
func (l *loop) noteStale(group []feeding, entries []stream.Entry) {
	for j := range group {
		g, hasNews := &group[j], false
		for i := range entries {
			d := g.dueOf(l, &entries[i])
			switch {
			case d.owed && !d.resumed && entries[i].Superseded:
				g.cursor.stale.add(entries[i].Offset)
			case d.wanted:
				hasNews = true
			}
		}
		if hasNews {
			l.tellMissing(g.lag, g.cursor)
		}
	}
}

// tellMissing tells of the events that are trimmed and of those that are superseded, of the older ones first.
func (l *loop) tellMissing(g *lag, c *cursor) {
	if c.gap.missed > 0 && c.stale.count > 0 && c.stale.from < c.gap.from {
		l.tellStale(g, c)
	}
	if c.gap.missed > 0 {
		l.passTold(g, c)
		l.tellGap(g, c)
	}
	l.tellStale(g, c)
}

// tellStale tells of the events that are superseded.
func (l *loop) tellStale(g *lag, c *cursor) {
	if e := c.stale; e.count > 0 {
		c.stale = staleEvents{}
		l.sendGap(g, c, event.Gap{From: e.from, To: e.to, Missed: e.count, Reason: event.GapSlow})
	}
}

// sendGap sends a gap to a spoke that lags, unless that has left the type meanwhile.
func (l *loop) sendGap(g *lag, c *cursor, gap event.Gap) {
	if gap.Topic = l.scopeOf(g, c).topic; gap.Topic == "" {
		return
	}
	l.counts.gaps++
	if !c.policy.History.IsZero() {
		gap.Epoch = c.epoch
	}
	f := newFrame()
	f.seal(event.AppendGap(f.reserveHeader(), gap), l.hub.cfg.opcode, false)
	l.flow.lags.slot[0] = g.spoke.conn.Slot
	l.sender.FanoutPast(&f.Frame, l.flow.lags.slot[:])
	f.Release()
}

// isDelivered says whether the loop has delivered all events of the stream that lie ahead of the cursor, so that those which are still to come
// are all for its spoke.
func (l *loop) isDelivered(c *cursor) bool {
	first, isAlone := l.firstPosted(c.typ, c.epoch, c.next)
	return first == c.next && isAlone
}

// firstPosted is the offset of the first event or hole of a stream that is on its way to this loop, end if none is whose offset is less. It isAlone
// if none of another epoch is on its way, and no word that the epoch has begun.
func (l *loop) firstPosted(typ, epoch string, end uint64) (first uint64, isAlone bool) {
	first, isAlone = end, true
	if l.reactor.Idle() {
		return first, isAlone
	}
	looked := 0
	l.reactor.EachPosted(func(t netpoll.Task) bool {
		looked++
		of, offset := "", uint64(0)
		switch t := t.(type) {
		case *frame:
			if t.kept == nil || !bytes.Equal(t.typ, borrow(typ)) {
				return true
			}
			of, offset = t.epoch, t.kept.offset
		case *holeTask:
			if t.typ != typ {
				return true
			}
			if of, offset = t.gap.Epoch, t.gap.From; t.beginsEpoch() {
				of = ""
			}
		default:
			return true
		}
		if of != epoch {
			isAlone = false
		} else {
			first = min(first, offset)
		}
		return isAlone || first == end
	})
	l.work.topics -= looked / postedPerTopic
	return first, isAlone
}

// postedPerTopic is how many tasks take about as long to look at as a topic does to be carried out.
const postedPerTopic = 64
