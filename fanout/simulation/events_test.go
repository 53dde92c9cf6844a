//go:build faults && linux

package simulation

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spokehub/spokehub/event"
)

// verdict is what the model knows of an event and a client.
type verdict uint8

const (
	never verdict = iota
	maybe
	must
)

// shot is one event: what it is, where it comes from and who gets it.
//
// I1: flying is true of an event that the hub passes on for a client until a barrier has shown that it has.
type shot struct {
	stream   int
	seq      int
	tick     int
	origin   int
	by       *client
	event    event.Event
	wire     string
	verdicts []verdict
	flying   bool
}

const (
	driverStream   = 0
	forbiddenTopic = "no"
	frameRoom      = 10
)

func relayStream(client int) int { return 1 + 2*client }

func echoStream(client int) int { return 2 + 2*client }

func jsonOf(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// shoot makes the next event of a stream.
func (s *sim) shoot(stream int, typ, id, do string, pad int) *shot {
	seq := len(s.streams[stream])
	payload := fmt.Sprintf(`{"s":%d,"n":%d,"t":%d,"do":%q,"pad":"%s"}`, stream, seq, s.tick, do, strings.Repeat("x", pad))
	e := event.Event{Type: typ, ID: id, Payload: []byte(payload)}
	x := &shot{stream: stream, seq: seq, tick: s.tick, event: e, wire: string(event.Append(nil, e))}
	s.streams[stream] = append(s.streams[stream], x)
	return x
}

func (x *shot) size() int { return len(x.wire) + frameRoom }

func (x *shot) matches(topic string) bool {
	return topic == x.event.Type || x.event.ID != "" && topic == x.event.Type+":"+x.event.ID
}

// judge settles who must get an event that is dispatched now; except is who sent it.
func (s *sim) judge(x *shot, except *client) {
	x.verdicts = make([]verdict, len(s.clients))
	for i, c := range s.clients {
		if c == except || c.spoke == nil {
			continue
		}
		v := c.standing(x.event.Type)
		if x.event.ID != "" {
			v = max(v, c.standing(x.event.Type+":"+x.event.ID))
		}
		s.give(x, i, v)
	}
}

func (s *sim) give(x *shot, i int, v verdict) {
	c := s.clients[i]
	if v == must && c.leaving {
		v = maybe
	}
	if v != never && len(x.wire)+wireHeader(len(x.wire)) > s.traits.queueLimit {
		v = never
		c.due += x.size()
	}
	x.verdicts[i] = v
	if v == never {
		return
	}
	c.due += x.size()
	if v == must && !x.flying {
		c.required[x.stream] = x.seq
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

// disturb makes what is in flight uncertain for a client that is about to change a subscription.
func (s *sim) disturb(c *client, topic string) {
	for _, x := range s.flying {
		if x.matches(topic) {
			s.doubt(x, c)
		}
	}
}

// unsettle makes all that is in flight uncertain for a client that may end.
func (s *sim) unsettle(c *client) {
	for _, x := range s.flying {
		if c.id < len(x.verdicts) && x.verdicts[c.id] == must {
			x.verdicts[c.id] = maybe
		}
	}
}

// inFlight is how many bytes of what is in flight a client may get.
func (s *sim) inFlight(c *client) (bytes int) {
	for _, x := range s.flying {
		if c.id < len(x.verdicts) && x.verdicts[c.id] != never {
			bytes += x.size()
		}
	}
	return bytes
}

func (s *sim) doubt(x *shot, c *client) {
	for len(x.verdicts) <= c.id {
		x.verdicts = append(x.verdicts, never)
	}
	if x.verdicts[c.id] == never {
		c.due += x.size()
	}
	if c == x.by && x.stream == relayStream(c.id) {
		return
	}
	x.verdicts[c.id] = maybe
}

// settle ends the flight of events; happened says whether the hub has passed one on.
func (s *sim) settle(happened func(*shot) (yes, known bool)) {
	var left []*shot
	for _, x := range s.flying {
		yes, known := happened(x)
		if !known {
			left = append(left, x)
			continue
		}
		x.flying = false
		for i, v := range x.verdicts {
			if c := s.clients[i]; v == must && yes && !c.leaving {
				c.required[x.stream] = max(c.required[x.stream], x.seq)
			} else if v == must {
				x.verdicts[i] = maybe
			}
		}
	}
	s.flying = left
}

// arrived checks an event that a client got.
func (s *sim) arrived(c *client, text string) {
	c.got++
	e, err := event.Parse([]byte(text))
	if err != nil {
		c.fail("got %.200q, which is %v", text, err)
	}
	m, ok := markOf(e.Payload)
	if !ok || m.Stream >= len(s.streams) || m.Stream < 0 || m.Seq >= len(s.streams[m.Stream]) {
		c.fail("got %.200q, which nobody has sent", text)
	}
	shots := s.streams[m.Stream]
	x := shots[m.Seq]
	last := c.lastOf(m.Stream)
	switch {
	case x.wire != text:
		c.fail("got %.200q, want %.200q", text, x.wire)
	case m.Seq == last:
		c.fail("got event %d of stream %d twice", m.Seq, m.Stream)
	case m.Seq < last:
		c.fail("got event %d of stream %d behind %d", m.Seq, m.Stream, last)
	case c.id >= len(x.verdicts) || x.verdicts[c.id] == never:
		c.fail("got event %d of stream %d (%s:%s), which is not for it; its topics are %v", m.Seq, m.Stream, e.Type, e.ID, c.topics)
	}
	for _, missed := range shots[last+1 : m.Seq] {
		if c.id < len(missed.verdicts) && missed.verdicts[c.id] == must {
			c.fail("got event %d of stream %d without %d (%s:%s)", m.Seq, m.Stream, missed.seq, missed.event.Type, missed.event.ID)
		}
	}
	c.last[m.Stream] = m.Seq
}
