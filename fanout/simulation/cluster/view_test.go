package cluster

import (
	"fmt"
	"strings"

	"github.com/spokehub/spokehub/event"
)

// view follows the stream of a type on one connection, by what the client wrote down.
type view struct {
	client *client
	typ    string
	// epoch is the one that the client knows, last the offset of the last event.
	epoch string
	last  uint64
	// begins has the topics in force, and behind which position they are due.
	begins map[string]event.Position
	// kinds are the control events without an answer yet.
	kinds map[string]*entry
	told  []missed
	fault string
	truth *truth
	// fates is where the view notes what has become of events, nil if it need not; again is how many came that had a fate.
	fates fates
	again int
}

// missed is a range of events of which the client was told that they are gone, or that some are: left of them, -1 for any number.
type missed struct {
	topic    string
	from, to uint64
	left     int64
}

func newView(c *client, typ string) *view {
	return &view{client: c, typ: typ, begins: map[string]event.Position{}, kinds: map[string]*entry{}, truth: &c.world.truth}
}

func (v *view) fail(format string, values ...any) {
	if v.fault == "" {
		v.fault = fmt.Sprintf("%s, stream %s at %s:%d: ", v.client.name(), v.typ, v.epoch, v.last) + fmt.Sprintf(format, values...)
	}
}

// of says whether a topic is one of the type.
func (v *view) of(topic string) bool {
	typ, _, _ := strings.Cut(topic, ":")
	return typ == v.typ
}

// take goes on with the next entry.
func (v *view) take(e *entry) {
	switch e.kind {
	case sentSubscribe, sentUnsubscribe:
		v.kinds[e.id] = e
	case gotAck:
		v.takeAck(e)
	case gotGap:
		if v.of(e.gap.Topic) {
			v.takeGap(e)
		}
	case gotEvent:
		if e.event.Type == v.typ {
			v.takeEvent(e)
		}
	}
}

func (v *view) takeAck(e *entry) {
	asked := v.kinds[e.id]
	if asked == nil {
		v.fail("got an ack of nothing, %+v", e.ack)
		return
	}
	for _, topic := range e.ack.Topics {
		if !v.of(topic) {
			continue
		}
		if asked.kind == sentUnsubscribe {
			delete(v.begins, topic)
			if len(v.begins) == 0 {
				v.epoch, v.last, v.told = "", 0, nil
			}
			continue
		}
		at, ok := e.ack.Positions[topic]
		if !ok {
			v.fail("got an ack of %s without a position", topic)
			return
		}
		v.begin(topic, asked.since[topic], at, e.at)
	}
}

// begin has a topic be in force.
func (v *view) begin(topic string, since event.Position, at event.AckPosition, _ int64) {
	begin := at.Position
	switch at.Result {
	case event.Fresh:
		if since.Epoch == at.Position.Epoch && since.Offset <= at.Position.Offset {
			v.fail("got a fresh start of %s at %v, though the client stood at %v", topic, at.Position, since)
		}
	case event.Resumed, event.Gapped:
		if since.Epoch != at.Position.Epoch || since.Offset > at.Position.Offset {
			v.fail("got %s resumed at %v from %v", topic, at.Position, since)
		}
		if (at.Result == event.Gapped) != (at.Missed != 0) {
			v.fail("got the result %s with %d missed", at.Result, at.Missed)
		}
		begin.Offset = since.Offset
	}
	if len(v.begins) == 0 {
		v.epoch, v.last = begin.Epoch, begin.Offset
	}
	if at.Result == event.Gapped {
		v.told = append(v.told, missed{topic, begin.Offset + 1, at.Position.Offset, at.Missed})
	}
	v.begins[topic] = begin
}

func (v *view) takeGap(e *entry) {
	g := &e.gap
	if g.Epoch == "" || g.Missed >= 0 && g.From+uint64(g.Missed) > g.To+1 || g.Missed == 0 {
		v.fail("got the gap %+v", g)
		return
	}
	if g.Epoch != v.epoch {
		if v.epoch != "" && isOlder(g.Epoch, v.epoch) {
			v.fail("got the gap %+v of an epoch before", g)
			return
		}
		v.epoch, v.last, v.told = g.Epoch, 0, nil
		for topic, begin := range v.begins {
			if isOlder(begin.Epoch, g.Epoch) {
				v.begins[topic] = event.Position{Epoch: g.Epoch}
			}
		}
	}
	if g.To >= g.From {
		v.told = append(v.told, missed{g.Topic, g.From, g.To, -1})
	}
}

// isDue says whether an event of the current epoch is for the client, by a topic that is in force.
func (v *view) isDue(offset uint64, id string) bool {
	for topic, begin := range v.begins {
		if begin.Epoch == v.epoch && begin.Offset < offset && (topic == v.typ || topic == v.typ+":"+id) {
			return true
		}
	}
	return false
}

// excuse is why the client does not get an event, as far as it knows.
func (v *view) excuse(events []fact, offset uint64) fate {
	id := events[offset-1].id
	for i := range v.told {
		t := &v.told[i]
		if offset < t.from || offset > t.to || t.topic != v.typ && t.topic != v.typ+":"+id {
			continue
		}
		if t.left != 0 {
			t.left = max(t.left-1, -1)
			return told
		}
	}
	return unexplained
}

func (v *view) takeEvent(e *entry) {
	offset := e.event.Offset
	events, _ := v.truth.of(v.typ, v.epoch)
	switch {
	case offset == 0 || offset > uint64(len(events)):
		v.fail("got event %d at offset %d, want at most %d", e.number, offset, len(events))
	case events[offset-1].number != e.number || events[offset-1].id != e.event.ID:
		v.fail("got event %d at offset %d, want event %d", e.number, offset, events[offset-1].number)
	case offset <= v.last:
		v.fail("got event %d at offset %d, behind the one at %d", e.number, offset, v.last)
	case !v.isDue(offset, e.event.ID):
		v.fail("got event %d at offset %d, which is for none of the topics %v", e.number, offset, v.begins)
	default:
		v.pass(events, offset-1, "ahead of "+fmt.Sprint(offset))
		v.last = offset
		if v.fates[e.number] != unexplained {
			v.again++
		}
		v.note(e.number, delivered)
	}
}

// note notes what has become of an event.
func (v *view) note(number int, is fate) {
	if v.fates != nil {
		v.fates.note(number, is)
	}
}

// pass looks at the events up to an offset, which have not come.
func (v *view) pass(events []fact, to uint64, where string) {
	for offset := v.last + 1; offset <= to; offset++ {
		if !v.isDue(offset, events[offset-1].id) {
			continue
		}
		is := v.excuse(events, offset)
		if is == unexplained {
			v.fail("event %d at offset %d is missing %s without a gap, topics %v, told %v", events[offset-1].number, offset, where, v.begins, v.told)
		}
		v.note(events[offset-1].number, is)
	}
}

// finish looks at what should have come by the end.
func (v *view) finish() {
	if len(v.begins) == 0 || v.fault != "" {
		return
	}
	events, current := v.truth.of(v.typ, v.epoch)
	if v.epoch != current {
		v.fail("got no event or gap of the epoch %s at the end", current)
		return
	}
	v.pass(events, uint64(len(events)), "at the end")
}

// position is where the client stands, if one topic of the type was in force.
func (v *view) position() (topic string, at event.Position, ok bool) {
	if len(v.begins) != 1 || v.fault != "" {
		return "", event.Position{}, false
	}
	for topic = range v.begins {
	}
	at = event.Position{Epoch: v.epoch, Offset: v.last}
	if begin := v.begins[topic]; begin.Epoch != at.Epoch {
		return "", at, false
	}
	return topic, at, true
}
