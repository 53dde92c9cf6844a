package spoke

import (
	"errors"
	"fmt"

	"github.com/spokehub/spokehub/event"
)

// Position returns where a topic that somebody wants is in the stream of its type: behind the events that its listeners have been called
// with and that its loops have got, the one that is being handled included. A program that stores it, in a listener, in a loop, or
// once Done is closed, goes on there with Resume when it is started again. Only the loop of a topic knows when it is done with what it
// got, so ask inside it.
//
// It returns false for a topic whose position is not known: nobody wants it, the hub has not answered yet, or its type has no stream. Any
// goroutine may call it; it does not block.
func (c *Client) Position(topic string) (event.Position, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.topics.of[topic]
	if of == nil || of.place == nil {
		return event.Position{}, false
	}
	p := of.position()
	for _, b := range of.loops {
		p = b.holdBack(p)
	}
	return p, p.Epoch != ""
}

// Resume has a topic begin behind a position when the next one wants it, in place of what is live then: first comes what the hub has kept
// since, or a gap for what it has not. It is for a topic that nobody wants now, and tells nobody; call it ahead of AddEventListener,
// Events or Subscribe. The error says what is wrong with the topic or the position, or that somebody wants the topic already. It does not
// block.
func (c *Client) Resume(topic string, from event.Position) error {
	err := c.resume(topic, from)
	if err != nil {
		return fmt.Errorf("spoke: resume %q at %q: %w", topic, from, err)
	}
	return nil
}

func (c *Client) resume(topic string, from event.Position) error {
	if _, _, err := event.SplitTopic(topic); err != nil {
		return err
	}
	if !event.ValidEpoch(from.Epoch) || from.Offset > event.MaxOffset {
		return errors.New("that is no position; take one that Position has returned")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.topics.resume(topic, from)
}

// resume has the topic begin behind a position when it is acquired next. One that the hub has yet to be told is wanted no longer leaves the
// table for that: its end stays in the list of what to tell.
func (t *topicTable) resume(name string, from event.Position) error {
	if of := t.of[name]; of != nil {
		if of.refs > 0 {
			return errors.New("somebody wants the topic already; call Resume ahead of the first listener, loop or Subscribe")
		}
		delete(t.of, name)
	}
	if t.starts == nil {
		t.starts = map[string]event.Position{}
	}
	t.starts[name] = from
	return nil
}

// acknowledge notes the position of a topic that the hub has acknowledged; isKnown is false if it has given none. It tells the loops of the
// gaps that this shows, and returns them.
func (t *topicTable) acknowledge(of *topic, answer event.AckPosition, isKnown bool) (gaps []event.Gap) {
	if of.place == nil && isKnown {
		t.enter(of)
	}
	p := of.place
	if p == nil {
		return nil
	}
	since, top, before := p.since, answer.Position, of.position()
	p.since = event.Position{}
	lost := event.Gap{Topic: of.name, Epoch: top.Epoch, Missed: -1, Reason: GapFresh}
	switch {
	case !isKnown:
		t.exit(of)
	case p.live && answer.Result == event.Fresh && top.Epoch == p.at.Epoch && top.Offset >= since.Offset:
		return nil
	case since.Epoch == top.Epoch && answer.Result != event.Fresh:
		gaps = t.begin(of, top)
		p.live, p.replayTo = true, top.Offset
		if answer.Result == event.Resumed {
			return gaps
		}
		lost.From, lost.Missed, lost.Reason = since.Offset+1, answer.Missed, event.GapTrimmed
	default:
		gaps = t.begin(of, top)
		p.live, p.replayTo, p.at = true, 0, top
	}
	if since.Epoch == "" {
		return gaps
	}
	of.tellLoops(lost, before)
	return append(gaps, lost)
}

// begin is for a topic that is at a position now. If its epoch is not the stream's, the other live topics are at the position, too, and
// what they miss is unknown.
func (t *topicTable) begin(of *topic, top event.Position) (gaps []event.Gap) {
	s := of.place.stream
	if s.epoch == top.Epoch {
		return nil
	}
	for _, other := range s.live() {
		if other == of {
			continue
		}
		lost := event.Gap{Topic: other.name, Epoch: top.Epoch, Missed: -1, Reason: GapFresh}
		other.tellLoops(lost, other.position())
		other.place.at, other.place.replayTo = top, 0
		gaps = append(gaps, lost)
	}
	s.epoch, s.seen = top.Epoch, 0
	return gaps
}

// live returns the topics of the stream that are live.
func (s *stream) live() (all []*topic) {
	if s.whole != nil && s.whole.place.live {
		all = append(all, s.whole)
	}
	for _, of := range s.ids {
		if of.place.live {
			all = append(all, of)
		}
	}
	return all
}
