package fanout

import (
	"bytes"
	"strings"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/stream"
)

// ackPositions are those of the topics that the ack of a control event names: members of its positions.
type ackPositions struct {
	members []byte
}

// resumeShare: so many events cost as much as a topic, where a spoke has resumed more topics than Config.MaxTopics: a client that comes
// back needs no more than those.
const resumeShare = 64

// maxResumeCost is the most that one topic costs.
const maxResumeCost = 1 << 20

// streamOf returns the policy of the topic's type and the type, nil if it has no stream.
func (l *loop) streamOf(topic []byte) (policy *stream.Policy, typ []byte) {
	if l.hub.streams.policies == nil {
		return nil, nil
	}
	typ, _, _ = bytes.Cut(topic, []byte{':'})
	if policy = l.hub.streams.policies.For(typ); policy == nil || policy.History.IsZero() {
		return nil, nil
	}
	return policy, typ
}

// enterStream has a spoke that was just subscribed to a topic of a stream get what it has missed since it was there last, and then, each
// once, all that comes: nothing of the stream may have been delivered in between. It returns what the ack says of that.
//
// What is appended to the stream from now on is for the spoke, since the store finds the receivers of an event while it appends it. What is
// on its way to this loop already, and not behind the top of the stream, is not: then the spoke has a cursor until that has passed. What
// the ack tells is missing is not told again, if it is told to all topics of the spoke that would miss it. Nor is what was trimmed ahead
// of where its only topic begins. Unless mayBeLive, it has a cursor whatever it has missed: the ack comes later, and live events behind it.
func (l *loop) enterStream(s *Spoke, topic, typ []byte, policy *stream.Policy, since event.Since, mayBeLive bool) (at event.AckPosition, lags bool) {
	l.flow.lags.pageNumber++
	page := &l.flow.lags.page
	query := stream.Query{After: event.MaxOffset}
	if since.Is == event.SincePosition {
		query.After = since.Offset
	}
	if limit := l.hub.cfg.UnsentLimit; policy.Behind == stream.Latest && (limit <= 0 || limit > latestUnsent) {
		l.reactor.SetUnsentLimit(s.conn.Slot, latestUnsent)
	}
	name := string(typ)
	if err := l.hub.streams.store.Read(name, query, page); err != nil {
		l.hub.log.unreadStream(name, err)
		return event.AckPosition{}, false
	}
	at = event.AckPosition{Position: event.Position{Epoch: page.Epoch, Offset: page.Top}, Result: event.Fresh}
	from := page.Top + 1
	if since.Is == event.SincePosition && string(since.Epoch) == page.Epoch && since.Offset <= page.Top {
		from = since.Offset + 1
		at.Result, at.Missed = event.Resumed, page.Missing
		if page.Missing != 0 {
			at.Result = event.Gapped
		}
	}
	l.countResult(at.Result)
	l.tellHolesAhead(s, topic, typ)
	first, isAlone := l.firstPosted(name, page.Epoch, page.Top+1)
	if mayBeLive && isAlone && from > page.Top && first > page.Top && !l.hasCursor(s, typ) {
		return at, false
	}
	if from > first && !l.hasCursor(s, typ) && !l.hasOther(s, topic, typ) {
		first = from
	}
	isFirst := !l.hasCursor(s, typ) && (page.To < first || !l.hasOther(s, topic, typ))
	isAstray := !isAlone && !l.hasCursor(s, typ) && l.hasOther(s, topic, typ)
	g, c := l.cursorOf(s, policy, typ, first)
	if isAstray || c.epoch != page.Epoch && c.epoch != "" {
		l.changeEpoch(g, c, page)
	}
	c.epoch = page.Epoch
	if from < c.next {
		l.tellMissing(g, c)
	}
	isKnown := isFirst || from < c.next && c.gap.told == page.To
	l.flow.lags.count(g, c.setBegin(topic, from, page.Top+1))
	if at.Result == event.Gapped && isKnown {
		c.gap.answer(since.Offset, page)
	}
	l.feedSoon(g)
	return at, true
}

// hasOther says whether a spoke has another topic of the type.
func (l *loop) hasOther(s *Spoke, topic, typ []byte) bool {
	l.flow.lags.names = l.part.AppendTopics(l.flow.lags.names[:0], s.conn.Slot)
	for _, name := range l.flow.lags.names {
		of, _, _ := strings.Cut(name, ":")
		if of == string(typ) && name != string(topic) {
			return true
		}
	}
	return false
}

// hasCursor says whether a spoke lags in a type.
func (l *loop) hasCursor(s *Spoke, typ []byte) bool {
	g := l.flow.lags.bySpoke[s]
	if g == nil {
		return false
	}
	c, _ := g.find(typ)
	return c != nil
}

// resumes begins to measure how long it takes until a spoke that has come back gets everything live, if it has not begun.
func (l *loop) resumes(s *Spoke) {
	switch g := l.flow.lags.bySpoke[s]; {
	case g == nil:
		l.counts.resumeTimes.Observe(0, 1)
	case g.resumed == 0:
		g.resumed = netpoll.Moment()
	}
}

func (l *loop) countResult(r event.Result) {
	switch r {
	case event.Resumed:
		l.counts.resumed++
	case event.Gapped:
		l.counts.gapped++
	default:
		l.counts.fresh++
	}
}

// enterBy is enterStream for a control event, whose ack goes ahead of what the spoke has missed; isLast says that it is answered as soon as
// these topics are done. It reports false if the spoke is closed, for it resumes more often than any client needs to.
func (l *loop) enterBy(s *Spoke, p *progress, topic []byte, since event.Since, isLast bool) bool {
	policy, typ := l.streamOf(topic)
	if policy == nil {
		return true
	}
	isAnsweredAtOnce := isLast && l.sender.HasRoom(s.conn.Slot, 0, l.hub.cfg.QueueLimit/answerShare)
	at, lags := l.enterStream(s, topic, typ, policy, since, isAnsweredAtOnce)
	if at.Position.Epoch == "" {
		return true
	}
	if lags {
		l.flow.lags.bySpoke[s].awaitsAck = true
	}
	if since.Is == event.SincePosition {
		l.resumes(s)
	}
	if len(l.scratch.view.ID) > 0 {
		if p.positions == nil {
			p.positions = new(ackPositions)
		}
		before := len(p.positions.members)
		p.positions.members = event.AppendAckPosition(p.positions.members, topic, at.Position, at.Result, at.Missed)
		l.conns.memory.owed += len(p.positions.members) - before
	}
	return at.Result == event.Fresh || l.withinResumes(s, at.Position.Offset-since.Offset)
}

// withinResumes accounts for a topic that was resumed, with so many events to send.
func (l *loop) withinResumes(s *Spoke, events uint64) bool {
	if !l.hub.cfg.rated {
		return true
	}
	r := l.conns.rates.At(s.conn.Slot)
	r.resumes++
	if int(r.resumes) <= l.hub.maxTopics() {
		return true
	}
	return l.spend(s, &r.controls, &l.hub.cfg.rates.Load().controls, int(min(events/resumeShare, maxResumeCost)))
}

// answered has a spoke be fed whose control event has been answered.
func (l *loop) answered(s *Spoke) {
	if len(l.flow.lags.bySpoke) == 0 {
		return
	}
	if g := l.flow.lags.bySpoke[s]; g != nil && g.awaitsAck {
		g.awaitsAck = false
		l.feedSoon(g)
	}
}

// leftStream notes that a spoke is about to have no such topic any more. What it does not get of it is told while it has.
func (l *loop) leftStream(s *Spoke, topic []byte) {
	if len(l.flow.lags.bySpoke) == 0 {
		return
	}
	if g := l.flow.lags.bySpoke[s]; g != nil {
		l.flow.lags.pageNumber++
		typ, _, _ := bytes.Cut(topic, []byte{':'})
		if c, _ := g.find(typ); c != nil {
			l.tellStale(g, c)
			l.flow.lags.count(g, -c.forget(topic))
		}
	}
}
