//go:build faults && linux

package simulation

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// client is one client and what the model knows of it.
//
// I1: replies and pongs are what it still has to get for what it has sent, in order.
// I2: leaving is true from the first thing on that may end the connection; no later event is one that it must get.
type client struct {
	*socket
	id      int
	sim     *sim
	way     string
	spoke   *fanout.Spoke
	key     uint32
	stalled bool
	killed  bool
	leaving bool
	removed bool
	causes  map[fanout.CauseKind]bool
	code    int
	closed  int
	wants   int

	topics    map[string]bool
	touched   map[string]int
	controls  int
	confirmed int
	replies   []reply
	pongs     []string
	messages  []string

	last     map[int]int
	required map[int]int
	atLeave  map[int]int
	due      int
	paid     int
	pinged   int
	ponged   int
	got      uint64
	marker   string
}

// reply is the answer to a control event that the client waits for.
type reply struct {
	text    string
	control int
	arrived func()
}

const anyCode = -1

func (s *sim) newClient(way string, k *socket, key uint32) *client {
	c := &client{socket: k, id: len(s.clients), sim: s, way: way, key: key, wants: anyCode, causes: make(map[fanout.CauseKind]bool),
		topics: make(map[string]bool), touched: make(map[string]int), last: make(map[int]int), required: make(map[int]int)}
	c.causes[fanout.CauseBackpressure] = true
	c.causes[fanout.CausePeerGone] = s.traits.plan.Reset > 0
	s.clients = append(s.clients, c)
	for len(s.streams) <= echoStream(c.id) {
		s.streams = append(s.streams, nil)
	}
	return c
}

func (c *client) String() string { return fmt.Sprintf("client %d (%s)", c.id, c.way) }

// gone says that the client's end is closed.
func (c *client) gone() bool { return c.fd < 0 }

// usable says that the client may still send.
func (c *client) usable() bool {
	return c.fd >= 0 && c.spoke != nil && !c.leaving && c.closed == 0 && !c.ended
}

func (c *client) send(first byte, payload string) {
	c.key = c.key*1664525 + 1013904223
	c.out = append(c.out, clientFrame(first, payload, c.key)...)
}

func (c *client) message(text string) {
	c.messages = append(c.messages, text)
	c.send(fin|opText, text)
}

// leave begins an end that the driver has caused.
func (c *client) leave(cause fanout.CauseKind) {
	c.causes[cause] = true
	if c.leaving {
		return
	}
	c.leaving = true
	c.atLeave = make(map[int]int, len(c.required))
	for stream, seq := range c.required {
		c.atLeave[stream] = seq
	}
	c.sim.unsettle(c)
}

func (c *client) fail(format string, args ...any) {
	c.sim.fail("%v: %s", c, fmt.Sprintf(format, args...))
}

// take acts on all frames that have come.
func (c *client) take() {
	for {
		op, payload, ok, err := c.frame()
		if err != nil {
			c.fail("got %v", err)
		}
		if !ok {
			break
		}
		if c.closed != 0 && !c.removed {
			c.fail("got a frame with opcode %d and payload %.100q behind the close frame", op, payload)
		}
		c.handle(op, payload)
	}
	if c.ended {
		c.finished()
	}
}

func (c *client) handle(op byte, payload []byte) {
	switch op {
	case opText, opBinary:
		c.text(op, payload)
	case opPong:
		if len(c.pongs) == 0 || c.pongs[0] != string(payload) {
			c.fail("got the pong %q, want one of %q", payload, c.pongs)
		}
		c.pongs = c.pongs[1:]
		c.ponged++
	case opClose:
		c.farewell(payload)
	default:
		c.fail("got a frame with opcode %d", op)
	}
}

func (c *client) text(op byte, payload []byte) {
	if want := byte(opText); op != want && !c.sim.traits.binary {
		c.fail("got opcode %d, want %d", op, want)
	}
	text := string(payload)
	switch {
	case text == c.marker && c.marker != "":
		c.marker = ""
		c.complete(c.atLeave, "before what the new owner wrote")
	case strings.HasPrefix(text, `{"type":"__`):
		c.replied(text)
	default:
		c.sim.arrived(c, text)
	}
}

func (c *client) replied(text string) {
	if len(c.replies) == 0 || c.replies[0].text != text {
		want := "none"
		if len(c.replies) > 0 {
			want = c.replies[0].text
		}
		c.fail("got the answer %s, want %s", text, want)
	}
	r := c.replies[0]
	c.replies = c.replies[1:]
	c.confirmed = max(c.confirmed, r.control)
	if r.arrived != nil {
		r.arrived()
	}
}

// complete wants everything that the client must have had by now.
func (c *client) complete(want map[int]int, when string) {
	for stream, seq := range want {
		if have, ok := c.last[stream]; !ok || have < seq {
			c.fail("has event %d of stream %d as the last, want %d %s", c.lastOf(stream), stream, seq, when)
		}
	}
}

func (c *client) lastOf(stream int) int {
	if seq, ok := c.last[stream]; ok {
		return seq
	}
	return -1
}

// farewell is the hub's close frame: what was queued before it has come.
func (c *client) farewell(payload []byte) {
	c.closed, c.code = 1, 1005
	if len(payload) >= 2 {
		c.code = int(binary.BigEndian.Uint16(payload))
	}
	if c.code == fanout.CodeTryLater {
		c.leave(fanout.CauseBackpressure)
		return
	}
	if !c.leaving {
		c.fail("got a close frame with %d out of the blue", c.code)
	}
	if c.wants != anyCode && c.code != c.wants {
		c.fail("got a close frame with %d, want %d", c.code, c.wants)
	}
	c.complete(c.atLeave, "before the close frame")
}

// finished is the end of the stream, which must not come before a close frame nor cut one.
func (c *client) finished() {
	defer c.close()
	rough := c.sim.traits.plan.Reset > 0
	switch {
	case rough:
	case c.end != nil:
		c.fail("got %v at the end", c.end)
	case len(c.in) > 0:
		c.fail("got a cut frame at the end: %.60q", c.in)
	case c.closed == 0 && !c.removed:
		c.fail("got the end without a close frame")
	case c.removed && c.marker != "":
		c.fail("got the end without what the new owner wrote")
	case c.removed && c.closed == 0:
		c.complete(c.atLeave, "before the end of a removed connection")
	}
	c.leave(fanout.CausePeerGone)
}

// control sends a control event and foretells what it does and what is answered.
func (c *client) control(kind, id string, topics []string, arrived func()) {
	c.controls++
	number := c.controls
	subscribe := kind == "__subscribe"
	var inForce [][]byte
	var answers []string
	for _, topic := range topics {
		reason := event.Reason("")
		switch {
		case !event.ValidTopic([]byte(topic)):
			reason = event.InvalidTopic
		case !subscribe:
			c.touch(topic, false, number)
		case c.sim.traits.authorize && topic == forbiddenTopic:
			reason = event.Forbidden
		case !c.topics[topic] && len(c.topics) >= c.sim.traits.maxTopics:
			reason = event.Limit
		default:
			c.touch(topic, true, number)
		}
		if reason != "" {
			answers = append(answers, string(event.AppendReject(nil, []byte(id), []byte(topic), reason)))
			continue
		}
		inForce = append(inForce, []byte(topic))
	}
	if len(inForce) > 0 {
		answers = append(answers, string(event.AppendAck(nil, []byte(id), inForce)))
	}
	c.message(string(event.Append(nil, event.Event{Type: kind, ID: id, Payload: []byte(jsonOf(map[string]any{"topics": topics}))})))
	if id == "" {
		return
	}
	for i, text := range answers {
		r := reply{text: text, control: number}
		if i == len(answers)-1 {
			r.arrived = arrived
		}
		c.replies = append(c.replies, r)
		c.due += len(text) + frameRoom
	}
}

func (c *client) touch(topic string, member bool, number int) {
	if member {
		c.topics[topic] = true
	} else {
		delete(c.topics, topic)
	}
	c.touched[topic] = number
	c.sim.disturb(c, topic)
}

// standing says whether the client is subscribed to a topic, as far as that is certain.
func (c *client) standing(topic string) verdict {
	switch {
	case c.touched[topic] > c.confirmed:
		return maybe
	case c.topics[topic]:
		return must
	}
	return never
}
