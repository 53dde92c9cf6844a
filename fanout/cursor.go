package fanout

import (
	"slices"
	"strings"

	"github.com/spokehub/spokehub/stream"
)

// cursor is where a spoke is in a stream: all that the hub remembers for one that lags, whatever it has missed. For a type
// without a stream it only counts what is skipped.
//
// I1: of the stream from next on the spoke has got nothing since the cursor began, and of what lies ahead of next it misses nothing that it has not been
// told of, or is told of by gap.
// I2: owed is how many events were dispatched to the spoke while it lagged, and have been neither queued nor dropped.
type cursor struct {
	typ    string
	policy *stream.Policy
	epochs
	next uint64
	// begins are topics of the spoke that begin elsewhere than its others of the type, sorted by topic.
	begins []beginning
	others beginning
	gap    openGap
	owed   int64
	// isAtEnd says that nothing of the stream was left when it was last looked at.
	isAtEnd bool
	// isLatest says that the spoke gets only the newest event of each id, since it was behind, and stale are those that it does not get
	// and has not been told of yet.
	isLatest bool
	stale    staleEvents
	// isLong says that the event at next is so long that it needs an empty queue.
	isLong bool
}

// epochs are those of a cursor.
//
// I3: what the spoke has got of another epoch than now it has got before it was told of that one.
type epochs struct {
	// epoch is that of next, empty if nobody knows. left is the one that the cursor was in before, empty for none.
	epoch, left string
}

// beginning says from which offset on a spoke gets a topic, and from which base on events of the topic were dispatched to it: what
// lies between was there when it came.
type beginning struct {
	topic      string
	from, base uint64
}

// openGap is what a cursor has found missing, and not told of yet.
type openGap struct {
	from, to uint64
	missed   int64
	// isUnknown says that nobody knows how many they are.
	isUnknown bool
	// told is up to where the answer to a subscription has told of what is missing, and that expected events are left of that; got is how many have been
	// there.
	// after is where the spoke has been then.
	after, told   uint64
	expected, got int
}

const (
	// cursorBytes and beginningBytes are about what a cursor takes, and a beginning, besides their texts.
	cursorBytes    = 304
	beginningBytes = 48
)

// memory is about how many bytes the cursor takes.
func (c *cursor) memory() int {
	held := cursorBytes + len(c.typ)
	for i := range c.begins {
		held += beginningBytes + len(c.begins[i].topic)
	}
	return held
}

// startAt has the gap begin at an offset that lies behind its beginning.
func (o *openGap) startAt(offset uint64) {
	if o.from = offset; o.from > o.to {
		o.missed, o.isUnknown = 0, false
		return
	}
	o.missed = min(o.missed, int64(o.to-o.from+1))
}

// answer notes that the answer to a subscription tells of what is missing behind the position after.
func (o *openGap) answer(after uint64, page *stream.Page) {
	o.after, o.told, o.expected, o.got = after, page.To, page.Survivors, 0
}

// forgetAnswer has all that is missing be told of, whatever an answer has told.
func (o *openGap) forgetAnswer() { o.after, o.told, o.expected, o.got = 0, 0, 0, 0 }

// staleEvents are events of a stream that have a newer one of their id behind them.
type staleEvents struct {
	from, to uint64
	count    int64
}

func (e *staleEvents) add(offset uint64) {
	if e.count == 0 {
		e.from = offset
	}
	e.to = offset
	e.count++
}

// begin returns where a topic begins.
func (c *cursor) begin(topic []byte) *beginning {
	if at, found := c.findBegin(topic); found {
		return &c.begins[at]
	}
	return &c.others
}

func (c *cursor) findBegin(topic []byte) (at int, found bool) {
	return slices.BinarySearchFunc(c.begins, topic, func(b beginning, topic []byte) int { return strings.Compare(b.topic, string(topic)) })
}

// setBegin has a topic begin somewhere, which may be ahead of where the cursor is: then the topics that it has had until now go on from there. It
// returns how much more memory the cursor takes.
func (c *cursor) setBegin(topic []byte, from, base uint64) (more int) {
	if from < c.next {
		for i := range c.begins {
			c.begins[i].from = max(c.begins[i].from, c.next)
		}
		c.others.from = max(c.others.from, c.next)
		c.next, c.isAtEnd = from, false
		c.gap.forgetAnswer()
	}
	at, found := c.findBegin(topic)
	if !found {
		c.begins = slices.Insert(c.begins, at, beginning{topic: string(topic)})
		more = beginningBytes + len(topic)
	}
	c.begins[at].from, c.begins[at].base = from, base
	return more
}

// forget notes that the spoke has no such topic any more, and returns how much less memory the cursor takes.
func (c *cursor) forget(topic []byte) (less int) {
	at, found := c.findBegin(topic)
	if !found {
		return 0
	}
	c.begins = slices.Delete(c.begins, at, at+1)
	return beginningBytes + len(topic)
}

// due says what an event of the stream is to a spoke that lags.
type due struct {
	// wanted: it is to get the event. owed: the event was dispatched to it as one of those that it is to get. An event can be wanted by a
	// topic that resumes, and have been dispatched by another that is past it.
	wanted, owed bool
	// resumed: it is to get the event by a topic that resumes, newest of its id or not.
	resumed bool
	// dispatched: the event was dispatched to it.
	dispatched bool
}

// dueOf says what an event of the stream is to the spoke in a slot.
func (c *cursor) dueOf(l *loop, slot uint32, offset uint64, id []byte) (d due) {
	topic := append(l.flow.lags.topic[:0], c.typ...)
	if l.part.Has(slot, topic) {
		d.add(c.begin(topic), offset)
	}
	if len(id) > 0 {
		topic = append(append(topic, ':'), id...)
		if l.part.Has(slot, topic) {
			d.add(c.begin(topic), offset)
		}
	}
	l.flow.lags.topic = topic
	return d
}

// add adds what the event is to one topic.
func (d *due) add(b *beginning, offset uint64) {
	wanted, dispatched := b.from <= offset, b.base <= offset
	d.wanted = d.wanted || wanted
	d.owed = d.owed || wanted && dispatched
	d.resumed = d.resumed || wanted && !dispatched
	d.dispatched = d.dispatched || dispatched
}

// isWhole says that the spoke is to get every event from next on, and from which offset on these were dispatched to it.
func (c *cursor) isWhole(l *loop, slot uint32) (base uint64, whole bool) {
	topic := append(l.flow.lags.topic[:0], c.typ...)
	l.flow.lags.topic = topic
	if !l.part.Has(slot, topic) {
		return 0, false
	}
	own := *c.begin(topic)
	if own.from > c.next || c.others.base < own.base {
		return 0, false
	}
	for i := range c.begins {
		if c.begins[i].base < own.base {
			return 0, false
		}
	}
	return own.base, true
}

// addGap notes that the events from one offset to another are not there any more, of which nobody knows how many there were if isUnknown.
// What the spoke knows from the answer to its subscription is left out.
func (c *cursor) addGap(from, to uint64, isUnknown bool) {
	if from = max(from, c.gap.told+1); from > to {
		return
	}
	if c.gap.missed == 0 {
		c.gap.from = from
	}
	c.gap.to = to
	c.gap.missed += int64(to - from + 1)
	c.gap.isUnknown = c.gap.isUnknown || isUnknown
}
