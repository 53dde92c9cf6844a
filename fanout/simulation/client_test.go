//go:build faults && linux

package simulation

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// client is one client and what the model knows of it. It belongs to the driver.
//
// I1: answers has what the client must still get for what it has sent, in order.
// I2: ending is true as soon as anything may end the connection; events that are dispatched later need not arrive.
type client struct {
	*socket
	id  int
	sim *sim
	// way is how it reached the hub.
	way string
	// spoke is the hub's side, nil until OnConnection or if the handshake fails.
	spoke *fanout.Spoke
	// key is the last masking key.
	key uint32
	// stalled clients do not read.
	stalled bool
	end
	subscriptions
	answers
	arrivals
	persona
}

// end is what the model knows of the end of a connection.
type end struct {
	ending bool
	// left: the hub has closed it, and no event is for it any more.
	left bool
	// killed connections were cut by the driver; removed ones were taken out of the hub.
	killed  bool
	removed bool
	// causes are those that OnDisconnection may name.
	causes map[fanout.CauseKind]bool
	// wants is the close code that must come, or anyCode.
	wants int
	// closed is true once a close frame has come; code is its code.
	closed bool
	code   int
	// requiredAtEnd is what had to arrive when the end began: the last number of each series.
	requiredAtEnd map[int]int
	// ownerMessage is what the new owner of a removed connection has written and has not arrived.
	ownerMessage string
}

// subscriptions is what the client has asked for.
type subscriptions struct {
	snapshots
	topics map[string]bool
	// changedBy is the number of the control event that changed a topic last.
	changedBy map[string]int
	// controls is the number of control events sent, confirmed the number of the last one answered.
	controls  int
	confirmed int
}

// answers is what the client has sent and what it waits for in return.
type answers struct {
	replies []reply
	// pongs are the payloads that may come: of pings that were read together only the last one is answered. pinged counts pings sent,
	// ponged those that are answered, with all before the one that a pong was for. pongsDue is how many must be answered ahead of the
	// answer to any control event sent from now on.
	pongs    []string
	pinged   int
	ponged   int
	pongsDue int
	// messages are the texts of all messages sent.
	messages []string
}

// reply is the answer to a control event that the client waits for.
type reply struct {
	text string
	// control is the number of the control event.
	control int
	// arrived is called when it has come.
	arrived func()
}

// arrivals is what the client got and must get.
type arrivals struct {
	// last is the number of the last event of each series that arrived; required that of the last one that must.
	last     map[int]int
	required map[int]int
	// bytesSent is how much the hub may have sent at most, bytesArrived how much of it has certainly arrived.
	bytesSent     int
	bytesArrived  int
	eventsArrived uint64
}

// anyCode stands for any close code.
const anyCode = -1

func (s *sim) newClient(way string, k *socket, key uint32) *client {
	c := &client{socket: k, id: len(s.clients), sim: s, way: way, key: key}
	c.wants = anyCode
	c.causes = map[fanout.CauseKind]bool{fanout.CauseBackpressure: true, fanout.CausePeerGone: s.traits.plan.Reset > 0}
	c.topics = make(map[string]bool)
	c.changedBy = make(map[string]int)
	c.last = make(map[int]int)
	c.required = make(map[int]int)
	c.persona = newPersona()
	s.clients = append(s.clients, c)
	for len(s.series) <= echoSeries(c.id) {
		s.series = append(s.series, nil)
	}
	return c
}

func (c *client) String() string { return fmt.Sprintf("client %d (%s)", c.id, c.way) }

// gone reports whether the client's end is closed.
func (c *client) gone() bool { return c.fd < 0 }

// usable reports whether the client may still send.
func (c *client) usable() bool {
	return c.fd >= 0 && c.spoke != nil && !c.ending && !c.closed && !c.ended
}

func (c *client) send(first byte, payload string) {
	c.key = c.key*1664525 + 1013904223
	c.out = append(c.out, clientFrame(first, payload, c.key)...)
}

func (c *client) message(text string) {
	c.messages = append(c.messages, text)
	c.send(fin|opText, text)
}

// beginEnd notes that the connection ends or may end from now on, and why.
func (c *client) beginEnd(cause fanout.CauseKind) {
	c.causes[cause] = true
	if c.ending {
		return
	}
	c.ending = true
	c.requiredAtEnd = make(map[int]int, len(c.required))
	for series, seq := range c.required {
		c.requiredAtEnd[series] = seq
	}
	c.sim.mayEnd(c)
}

func (c *client) fail(format string, args ...any) {
	c.sim.fail("%v: %s", c, fmt.Sprintf(format, args...))
}

// handleFrames handles all frames that have come.
func (c *client) handleFrames() {
	for {
		op, payload, ok, err := c.frame()
		if err != nil {
			c.fail("got %v", err)
		}
		if !ok {
			break
		}
		if c.closed && !c.removed {
			c.fail("got a frame with opcode %d and payload %.100q after the close frame", op, payload)
		}
		c.handleFrame(op, payload)
	}
	if c.ended {
		c.streamEnded()
	}
}

func (c *client) handleFrame(op byte, payload []byte) {
	switch op {
	case opText, opBinary:
		c.text(op, payload)
	case opPong:
		answered := slices.Index(c.pongs, string(payload)) + 1
		if answered == 0 {
			c.fail("got the pong %q, want one of %q", payload, c.pongs)
		}
		c.pongs = c.pongs[answered:]
		c.ponged += answered
	case opPing:
		c.answerPing(payload)
	case opClose:
		c.closeFrame(payload)
	default:
		c.fail("got a frame with opcode %d", op)
	}
}

// answerPing answers a ping of the hub, which has no payload.
func (c *client) answerPing(payload []byte) {
	if c.sim.traits.pingInterval < 0 || len(payload) > 0 {
		c.fail("got a ping with the payload %q, want none", payload)
	}
	if !c.ending {
		c.send(fin|opPong, "")
	}
}

func (c *client) text(op byte, payload []byte) {
	if want := byte(opText); op != want && !c.sim.traits.binary {
		c.fail("got opcode %d, want %d", op, want)
	}
	text := string(payload)
	switch {
	case text == c.ownerMessage && c.ownerMessage != "":
		c.ownerMessage = ""
		c.requireArrived(c.requiredAtEnd, "before what the new owner wrote")
	case isNotice(text):
		c.checkNotice(text)
	case strings.HasPrefix(text, `{"type":"__`):
		c.replied(text)
	case isSnapshot(text):
		c.checkSnapshot(text)
	default:
		c.sim.checkArrived(c, text)
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

// requireArrived checks that the events that must have come by now have come.
func (c *client) requireArrived(want map[int]int, when string) {
	for series, seq := range want {
		if have, ok := c.last[series]; !ok || have < seq {
			c.fail("has event %d of series %d as the last, want %d %s", c.lastOf(series), series, seq, when)
		}
	}
}

func (c *client) lastOf(series int) int {
	if seq, ok := c.last[series]; ok {
		return seq
	}
	return -1
}

// closeFrame checks the hub's close frame. Everything queued before it must have come.
func (c *client) closeFrame(payload []byte) {
	c.closed, c.code = true, 1005
	if len(payload) >= 2 {
		c.code = int(binary.BigEndian.Uint16(payload))
	}
	if c.code == fanout.CodeTryLater {
		c.beginEnd(fanout.CauseBackpressure)
		return
	}
	if !c.ending {
		c.fail("got a close frame with %d without a reason", c.code)
	}
	if c.wants != anyCode && c.code != c.wants {
		c.fail("got a close frame with %d, want %d", c.code, c.wants)
	}
	if !c.sim.traits.snapshots {
		c.requireArrived(c.requiredAtEnd, "before the close frame")
	}
}

// streamEnded checks the end of the stream: it must come after a close frame, and cut no frame.
func (c *client) streamEnded() {
	defer c.close()
	rough := c.sim.traits.plan.Reset > 0
	switch {
	case rough:
	case c.failed != nil:
		c.fail("got %v at the end", c.failed)
	case len(c.in) > 0:
		c.fail("got a cut frame at the end: %.60q", c.in)
	case !c.closed && !c.removed:
		c.fail("got the end without a close frame")
	case c.removed && c.ownerMessage != "":
		c.fail("got the end without what the new owner wrote")
	case c.removed && !c.closed:
		c.requireArrived(c.requiredAtEnd, "before the end of a removed connection")
	}
	c.beginEnd(fanout.CausePeerGone)
}

// control sends a control event and predicts what it changes and how it is answered.
func (c *client) control(kind, id string, topics []string, arrived func()) {
	c.controls++
	number := c.controls
	subscribe := kind == "__subscribe"
	var inForce [][]byte
	var answers []string
	named := topics
	if len(topics) > c.sim.traits.maxTopics {
		answers = append(answers, string(event.AppendReject(nil, []byte(id), nil, event.Limit)))
		topics = nil
	}
	for _, topic := range topics {
		reason := event.Reason("")
		switch {
		case !event.ValidTopic([]byte(topic)):
			reason = event.InvalidTopic
		case !subscribe:
			c.setSubscription(topic, false, number)
		case c.sim.traits.onSubscribe && topic == forbiddenTopic || !c.maySubscribe(topic):
			reason = event.Forbidden
		case !c.topics[topic] && len(c.topics) >= c.sim.traits.maxTopics:
			reason = event.Limit
		case !c.topics[topic]:
			c.awaitSnapshot(topic, number)
			c.setSubscription(topic, true, number)
		default:
			c.setSubscription(topic, true, number)
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
	c.message(string(event.Append(nil, event.Event{Type: kind, ID: id, Payload: []byte(jsonOf(map[string]any{"topics": named}))})))
	if id == "" {
		return
	}
	for i, text := range answers {
		r := reply{text: text, control: number}
		if i == len(answers)-1 {
			r.arrived = arrived
		}
		c.replies = append(c.replies, r)
		c.bytesSent += len(text) + frameRoom
	}
}

func (c *client) setSubscription(topic string, member bool, number int) {
	if member {
		c.topics[topic] = true
	} else {
		delete(c.topics, topic)
	}
	c.changedBy[topic] = number
	c.sim.topicChanges(c, topic)
}

// membership says whether the client is subscribed to a topic: maybe while a change is not confirmed.
func (c *client) membership(topic string) verdict {
	switch {
	case c.changedBy[topic] > c.confirmed:
		return maybe
	case c.topics[topic]:
		return must
	}
	return never
}
