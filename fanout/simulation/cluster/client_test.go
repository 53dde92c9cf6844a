package cluster

import (
	"bufio"
	"encoding/json"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/wsframe"
)

// entryKind says what a client wrote down.
type entryKind uint8

const (
	gotEvent entryKind = iota
	gotGap
	gotAck
	gotReject
	sentSubscribe
	sentUnsubscribe
	sentEvent
)

// entry is what a client has sent or got, and when by the clock of the seed.
type entry struct {
	at     int64
	kind   entryKind
	number int
	event  event.Event
	gap    event.Gap
	ack    event.Ack
	reject event.Reject
	// id is that of a control event, topics are its topics, and since where it goes on, by topic.
	id     string
	topics []string
	since  map[string]event.Position
}

// client is a connection of a client. The driver uses it, and two goroutines of its own.
//
// Owners: topics and controls belong to the driver; mu guards log, end, queue and the gate; the rest never changes.
type client struct {
	world    *world
	node     *node
	number   int
	conn     net.Conn
	topics   map[string]bool
	controls int
	running  sync.WaitGroup
	notes    notes
	gate     gate
	outgoing outgoing
}

// notes are what a client has written down.
type notes struct {
	mu      sync.Mutex
	changed chan struct{}
	log     []entry
	// ended says that the connection is over, endedAt when that was, and code by which code.
	ended   bool
	endedAt int64
	code    uint16
	// fault is what can't be read.
	fault string
}

// gate keeps a client from reading, or slows it down.
type gate struct {
	mu     sync.Mutex
	opened chan struct{}
	pause  time.Duration
}

// outgoing is what a client is about to send.
type outgoing struct {
	mu    sync.Mutex
	wake  chan struct{}
	queue [][]byte
	over  bool
}

// newClient connects a client to a hub; nil if that takes none.
func newClient(n *node) *client {
	w := n.world
	here, there := net.Pipe()
	if _, err := n.hub.AddConnection(there); err != nil {
		here.Close()
		return nil
	}
	w.lastClient++
	c := &client{world: w, node: n, number: w.lastClient, conn: here, topics: map[string]bool{}}
	c.notes.changed = make(chan struct{})
	c.outgoing.wake = make(chan struct{}, 1)
	c.running.Go(c.read)
	c.running.Go(c.write)
	return c
}

func (c *client) name() string {
	return "client " + strconv.Itoa(c.number) + " at hub " + strconv.Itoa(c.node.number)
}

// add writes something down.
func (c *client) add(e entry) {
	n := &c.notes
	n.mu.Lock()
	defer n.mu.Unlock()
	e.at = c.world.clock.Add(1)
	n.log = append(n.log, e)
	close(n.changed)
	n.changed = make(chan struct{})
}

// entries are what the client has written down by now, and whether it has ended.
func (c *client) entries() (log []entry, ended bool) {
	c.notes.mu.Lock()
	defer c.notes.mu.Unlock()
	return c.notes.log, c.notes.ended
}

func (c *client) isOver() bool {
	_, ended := c.entries()
	return ended
}

// endedAt is when the connection ended, unknown if it has not.
func (c *client) endedAt() int64 {
	c.notes.mu.Lock()
	defer c.notes.mu.Unlock()
	if !c.notes.ended {
		return unknown
	}
	return c.notes.endedAt
}

// await waits until the client has written down what is wanted, or has ended, or patience is over; then it says false.
func (c *client) await(isThere func(*entry) bool) bool {
	deadline := time.NewTimer(*patience)
	defer deadline.Stop()
	for seen := 0; ; {
		c.notes.mu.Lock()
		log, ended, changed := c.notes.log, c.notes.ended, c.notes.changed
		c.notes.mu.Unlock()
		for ; seen < len(log); seen++ {
			if isThere(&log[seen]) {
				return true
			}
		}
		if ended {
			return true
		}
		select {
		case <-changed:
		case <-deadline.C:
			return false
		}
	}
}

func (c *client) read() {
	in := bufio.NewReader(gatedConn{c.conn, &c.gate})
	code, fault := uint16(0), ""
	for {
		op, payload, err := readFrame(in)
		if err != nil {
			break
		}
		if op == wsframe.CloseOp {
			parsed, _ := wsframe.ParseClose(payload)
			code = parsed.Code
			c.send(wsframe.CloseOp, payload[:min(len(payload), 2)])
			break
		}
		if op == wsframe.Ping {
			c.send(wsframe.Pong, payload)
			continue
		}
		if fault = c.take(payload); fault != "" {
			break
		}
	}
	c.outgoing.end()
	c.notes.mu.Lock()
	defer c.notes.mu.Unlock()
	c.notes.ended, c.notes.endedAt, c.notes.code, c.notes.fault = true, c.world.clock.Add(1), code, fault
	close(c.notes.changed)
	c.notes.changed = make(chan struct{})
}

// take writes a message of the hub down. It returns what is wrong with it.
func (c *client) take(message []byte) (fault string) {
	var head struct {
		Type string `json:"type"`
	}
	e := entry{}
	err := json.Unmarshal(message, &head)
	switch {
	case err != nil:
	case head.Type == event.TypeAck:
		e.kind = gotAck
		e.ack, err = event.ParseAck(message)
		e.id = e.ack.ID
	case head.Type == event.TypeReject:
		e.kind = gotReject
		e.reject, err = event.ParseReject(message)
		e.id = e.reject.ID
	case head.Type == event.TypeGap:
		e.kind = gotGap
		e.gap, err = event.ParseGap(message)
	case strings.HasPrefix(head.Type, "__"):
		return ""
	default:
		e.kind = gotEvent
		if e.event, err = event.Parse(message); err == nil {
			e.number, err = numberOf(e.event.Payload)
		}
	}
	if err != nil {
		return "message " + string(message) + ": " + err.Error()
	}
	c.add(e)
	return ""
}

// subscribe asks for topics, from positions where there are some, and returns the id of the control event.
func (c *client) subscribe(since map[string]event.Position, topics ...string) string {
	for _, t := range topics {
		c.topics[t] = true
	}
	return c.control(sentSubscribe, event.TypeSubscribe, topics, since)
}

func (c *client) unsubscribe(topics ...string) string {
	for _, t := range topics {
		delete(c.topics, t)
	}
	return c.control(sentUnsubscribe, event.TypeUnsubscribe, topics, nil)
}

func (c *client) control(kind entryKind, typ string, topics []string, since map[string]event.Position) string {
	c.controls++
	id := strconv.Itoa(c.controls)
	payload, err := json.Marshal(struct {
		Topics []string                  `json:"topics"`
		Since  map[string]event.Position `json:"since,omitempty"`
	}{topics, since})
	if err != nil {
		panic(err)
	}
	c.add(entry{kind: kind, id: id, topics: topics, since: since})
	c.send(wsframe.Text, event.Append(nil, event.Event{Type: typ, ID: id, Payload: payload}))
	return id
}

// awaitAnswer waits until a control event is answered.
func (c *client) awaitAnswer(id string) bool {
	return c.await(func(e *entry) bool { return e.id == id && (e.kind == gotAck || e.kind == gotReject) })
}

// barrier waits until the hub has carried out all that the client has sent, and the client has got all that was queued ahead.
func (c *client) barrier() bool { return c.awaitAnswer(c.unsubscribe("barrier")) }

// publish sends an event.
func (c *client) publish(p *publication) {
	c.add(entry{kind: sentEvent, number: p.number})
	c.send(wsframe.Text, event.Append(nil, p.event))
}

// leave ends the connection and waits until nothing of it runs.
func (c *client) leave() {
	c.conn.Close()
	c.gate.open()
	c.running.Wait()
}
