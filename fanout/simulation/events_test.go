//go:build faults && linux

package simulation

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spokehub/spokehub/event"
)

// verdict says whether a client gets an event.
type verdict uint8

const (
	// never: the client must not get it.
	never verdict = iota
	// maybe: it depends on what the model can't know.
	maybe
	// must: the client gets it, unless its connection ends first.
	must
)

// trackedEvent is one event: what it is, where it comes from and who gets it.
//
// I1: inFlight is true of an event that the hub dispatches on behalf of a client, until a barrier has shown that it was dispatched.
type trackedEvent struct {
	series int
	// seq is its number in the series.
	seq int
	// step is the step of the driver that made it.
	step int
	// by is the client that caused it, nil for the driver; origin is the number of that client's event.
	by     *client
	origin int
	event  event.Event
	// wire is the envelope that clients must get.
	wire string
	// verdicts has one for each client that was there when it was made.
	verdicts []verdict
	inFlight bool
}

const (
	driverSeries = 0
	// forbiddenTopic is the topic that OnSubscribe rejects, forbiddenID the id of events that OnPublish does.
	forbiddenTopic = "no"
	forbiddenID    = "no"
	// frameRoom is the longest header of a frame, and what a queued one counts for besides its bytes.
	frameRoom = 10 + 64
)

// relaySeries is the series of the events that a client sends.
func relaySeries(client int) int { return 1 + 2*client }

// echoSeries is the series of the events that callbacks dispatch in answer to a client.
func echoSeries(client int) int { return 2 + 2*client }

func jsonOf(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// newEvent makes the next event of a series.
func (s *sim) newEvent(series int, typ, id, do string, pad int) *trackedEvent {
	seq := len(s.series[series])
	payload := fmt.Sprintf(`{"s":%d,"n":%d,"t":%d,"do":%q,"pad":"%s"}`, series, seq, s.step, do, strings.Repeat("x", pad))
	e := event.Event{Type: typ, ID: id, Payload: []byte(payload)}
	x := &trackedEvent{series: series, seq: seq, step: s.step, event: e, wire: string(event.Append(nil, e))}
	s.series[series] = append(s.series[series], x)
	return x
}

func (x *trackedEvent) size() int { return len(x.wire) + frameRoom }

func (x *trackedEvent) matches(topic string) bool {
	return topic == x.event.Type || x.event.ID != "" && topic == x.event.Type+":"+x.event.ID
}

// decideReceivers decides who gets an event that is dispatched now. except, who sent it, does not.
func (s *sim) decideReceivers(x *trackedEvent, except *client) {
	x.verdicts = make([]verdict, len(s.clients))
	for i, c := range s.clients {
		if c == except || c.spoke == nil && x.by == nil {
			continue
		}
		v := c.membership(x.event.Type)
		if x.event.ID != "" {
			v = max(v, c.membership(x.event.Type+":"+x.event.ID))
		}
		s.setVerdict(x, i, v)
	}
}

// setVerdict notes a verdict, and how many bytes it may bring the client.
func (s *sim) setVerdict(x *trackedEvent, i int, v verdict) {
	c := s.clients[i]
	if v == must && c.ending {
		v = maybe
	}
	if c.left {
		v = never
	}
	if v != never && len(x.wire)+wireHeader(len(x.wire)) > s.traits.queueLimit {
		v = never
		c.bytesSent += x.size()
	}
	x.verdicts[i] = v
	if v == never {
		return
	}
	c.bytesSent += x.size()
	if v == must && !x.inFlight {
		c.required[x.series] = x.seq
	}
}

func wireHeader(size int) int {
	switch {
	case size < 126:
		return 2
	case size <= 0xFFFF:
		return 4
	}
	return 10
}

// topicChanges makes the verdicts on what is in flight uncertain for a client that is about to change a subscription.
func (s *sim) topicChanges(c *client, topic string) {
	for _, x := range s.inFlight {
		if x.matches(topic) {
			s.makeUncertain(x, c)
		}
	}
}

// mayEnd makes the verdicts on what is in flight uncertain for a client that may end.
func (s *sim) mayEnd(c *client) {
	for _, x := range s.inFlight {
		if c.id < len(x.verdicts) && x.verdicts[c.id] == must {
			x.verdicts[c.id] = maybe
		}
	}
}

// bytesInFlight is how many bytes of what is in flight a client may get.
func (s *sim) bytesInFlight(c *client) (bytes int) {
	for _, x := range s.inFlight {
		if c.id < len(x.verdicts) && x.verdicts[c.id] != never {
			bytes += x.size()
		}
	}
	return bytes
}

func (s *sim) makeUncertain(x *trackedEvent, c *client) {
	for len(x.verdicts) <= c.id {
		x.verdicts = append(x.verdicts, never)
	}
	if x.verdicts[c.id] == never {
		c.bytesSent += x.size()
	}
	if c == x.by && x.series == relaySeries(c.id) {
		return
	}
	x.verdicts[c.id] = maybe
}

// resolveInFlight ends the flight of events of which it is known whether the hub has dispatched them; happened says so.
func (s *sim) resolveInFlight(happened func(*trackedEvent) (yes, known bool)) {
	var left []*trackedEvent
	for _, x := range s.inFlight {
		yes, known := happened(x)
		if !known {
			left = append(left, x)
			continue
		}
		x.inFlight = false
		for i, v := range x.verdicts {
			if c := s.clients[i]; v == must && yes && !c.ending {
				c.required[x.series] = max(c.required[x.series], x.seq)
			} else if v == must {
				x.verdicts[i] = maybe
			}
		}
	}
	s.inFlight = left
}

// checkArrived checks an event that a client got.
func (s *sim) checkArrived(c *client, text string) {
	c.eventsArrived++
	e, err := event.Parse([]byte(text))
	if err != nil {
		c.fail("got %.200q, which is %v", text, err)
	}
	if of, uncovered := uncoveredOf(e.Payload); uncovered {
		s.recorder.suspect(of, "%v got %s:%s, which it may not publish", c, e.Type, e.ID)
		return
	}
	m, ok := stampOf(e.Payload)
	if !ok || m.Series >= len(s.series) || m.Series < 0 || m.Seq >= len(s.series[m.Series]) {
		c.fail("got %.200q, which was never sent", text)
	}
	series := s.series[m.Series]
	x := series[m.Seq]
	last := c.lastOf(m.Series)
	switch {
	case x.wire != text:
		c.fail("got %.200q, want %.200q", text, x.wire)
	case m.Seq == last:
		c.fail("got event %d of series %d twice", m.Seq, m.Series)
	case m.Seq < last:
		c.fail("got event %d of series %d after %d", m.Seq, m.Series, last)
	case c.id >= len(x.verdicts) || x.verdicts[c.id] == never:
		c.fail("got event %d of series %d (%s:%s), which is not for it; its topics are %v", m.Seq, m.Series, e.Type, e.ID, c.topics)
	}
	for _, missed := range series[last+1 : m.Seq] {
		if c.id < len(missed.verdicts) && missed.verdicts[c.id] == must {
			c.fail("got event %d of series %d without %d (%s:%s)", m.Seq, m.Series, missed.seq, missed.event.Type, missed.event.ID)
		}
	}
	c.checkNoneDue(x)
	c.last[m.Series] = m.Seq
}
