package brokers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/event"
)

// client is a spoke that keeps books of what it gets.
type client struct {
	t      *testing.T
	hub    int
	topics []string
	mu     sync.Mutex
	// streams are what came of each type with history, and plain what came of the others, by topic.
	streams map[string]*streamBook
	plain   map[string]*plainBook
	faults  []string
	ended   error
}

// streamBook is what a client got of a stream.
type streamBook struct {
	epochs   int
	position event.Position
	seen     map[event.Position]payload
	payloads map[payload]bool
	// told is how many events gaps have told of, unknown how many gaps could not say it.
	told    int64
	unknown int
}

// plainBook is what a client got of a topic without history: the last number of each hub, how many came, and how many gaps.
type plainBook struct {
	last [hubCount]int
	came [hubCount]int
	gaps int
}

func newClient(t *testing.T, hub int, address string, topics ...string) *client {
	t.Helper()
	c := &client{t: t, hub: hub, topics: topics, streams: map[string]*streamBook{}, plain: map[string]*plainBook{}}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	conn, _, err := websocket.Dial(ctx, "ws://"+address+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	request, _ := json.Marshal(map[string]any{"type": "__subscribe", "id": "1", "payload": map[string]any{"topics": topics}})
	if err := conn.Write(ctx, websocket.MessageText, request); err != nil {
		t.Fatal(err)
	}
	acked := make(chan struct{})
	go c.read(ctx, conn, acked)
	<-acked
	return c
}

func (c *client) read(ctx context.Context, conn *websocket.Conn, acked chan struct{}) {
	for {
		_, message, err := conn.Read(ctx)
		c.mu.Lock()
		if err != nil {
			c.ended = err
			c.mu.Unlock()
			return
		}
		if strings.HasPrefix(string(message), `{"type":"__ack"`) {
			c.begin(message)
			close(acked)
		} else {
			c.take(message)
		}
		c.mu.Unlock()
	}
}

func (c *client) fault(format string, arguments ...any) {
	if len(c.faults) < 10 {
		c.faults = append(c.faults, fmt.Sprintf(format, arguments...))
	}
}

// begin opens the books by the ack.
func (c *client) begin(message []byte) {
	ack, err := event.ParseAck(message)
	if err != nil {
		c.fault("ack %s: %v", message, err)
		return
	}
	for _, topic := range c.topics {
		if at, isStream := ack.Positions[topic]; isStream {
			c.streams[topic] = &streamBook{epochs: 1, position: at.Position, seen: map[event.Position]payload{}, payloads: map[payload]bool{}}
		} else {
			c.plain[topic] = &plainBook{}
		}
	}
}

func (c *client) take(message []byte) {
	if strings.HasPrefix(string(message), `{"type":"__gap"`) {
		c.takeGap(message)
		return
	}
	e, err := event.Parse(message)
	switch {
	case err != nil:
		c.fault("message %s: %v", message, err)
	case e.Offset > 0:
		c.takeOfStream(e)
	case e.Type == "order" || e.Type == "user":
		c.takePlain(e)
	default:
		c.fault("unexpected %s", message)
	}
}

func (c *client) takeGap(message []byte) {
	gap, err := event.ParseGap(message)
	if err != nil {
		c.fault("gap %s: %v", message, err)
		return
	}
	if book := c.plain[gap.Topic]; book != nil && gap.Epoch == "" {
		book.gaps++
		return
	}
	book := c.streams[gap.Topic]
	if book == nil {
		c.fault("gap of a topic that nobody asked for: %s", message)
		return
	}
	switch {
	case gap.Epoch != book.position.Epoch:
		book.epochs++
		book.unknown++
	case gap.From != book.position.Offset+1:
		c.fault("%s behind %v", message, book.position)
	}
	if gap.Missed >= 0 {
		book.told += gap.Missed
	}
	book.position = event.Position{Epoch: gap.Epoch, Offset: gap.To}
}

func (c *client) takeOfStream(e event.Event) {
	book := c.streams[e.Type]
	if book == nil {
		c.fault("got %v, which nobody asked for", e)
		return
	}
	if e.Offset != book.position.Offset+1 {
		c.fault("%s: offset %d came behind %v", e.Type, e.Offset, book.position)
	}
	book.position.Offset = e.Offset
	p := c.payloadOf(e)
	if book.payloads[p] {
		c.fault("%s: %+v came twice, again at %v", e.Type, p, book.position)
	}
	book.payloads[p] = true
	book.seen[book.position] = p
}

func (c *client) payloadOf(e event.Event) (p payload) {
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		c.fault("payload %s: %v", e.Payload, err)
	}
	return p
}

func (c *client) takePlain(e event.Event) {
	name := e.Type
	if name == "user" {
		name += ":" + e.ID
	}
	book, p := c.plain[name], c.payloadOf(e)
	switch {
	case book == nil:
		c.fault("got %v, which nobody asked for", e)
		return
	case p.Number <= book.last[p.Hub]:
		c.fault("%s: number %d of hub %d came behind %d", name, p.Number, p.Hub, book.last[p.Hub])
	}
	book.last[p.Hub] = p.Number
	book.came[p.Hub]++
}

// user is the topic of a user that the client has.
func (c *client) user() string {
	for _, topic := range c.topics {
		if strings.HasPrefix(topic, "user:") {
			return topic
		}
	}
	return ""
}

// last is the number of the newest event that came of a topic from a hub.
func (c *client) last(topic string, hub int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if book := c.plain[topic]; book != nil {
		return book.last[hub]
	}
	newest := 0
	if book := c.streams[topic]; book != nil {
		for p := range book.payloads {
			if p.Hub == hub {
				newest = max(newest, p.Number)
			}
		}
	}
	return newest
}

func (c *client) summary() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := fmt.Sprintf("client of hub %d, ended %v, faults %q", c.hub, c.ended, c.faults)
	for topic, book := range c.streams {
		text += fmt.Sprintf("; %s at %v, %d events, %d told", topic, book.position, len(book.seen), book.told)
	}
	for topic, book := range c.plain {
		text += fmt.Sprintf("; %s up to %v, came %v, %d gaps", topic, book.last, book.came, book.gaps)
	}
	return text
}
