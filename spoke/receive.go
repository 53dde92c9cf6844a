package spoke

import (
	"context"
	"io"
	"log/slog"
	"sync"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/internal/listeners"
)

// scratch is what reading a message takes. An idle client has none.
type scratch struct {
	message []byte
	view    event.View
}

var scratches = sync.Pool{New: func() any { return &scratch{message: make([]byte, 0, 1024)} }}

// maxKept is how long the buffer of a message may be to be used again.
const maxKept = 64 << 10

// read reads messages until the connection ends, and returns why it did.
func (c *Client) read(l *link) error {
	for {
		_, reader, err := l.ws.Reader(context.Background())
		if err == nil {
			err = c.readOne(l, reader)
		}
		if err != nil {
			return c.causeOf(l, err)
		}
	}
}

func (c *Client) readOne(l *link, reader io.Reader) error {
	s := scratches.Get().(*scratch)
	var err error
	if s.message, err = readAll(s.message[:0], reader); err != nil {
		return err
	}
	l.busy.Store(true)
	c.receive(s)
	l.busy.Store(false)
	if cap(s.message) <= maxKept {
		scratches.Put(s)
	}
	return nil
}

// readAll appends what the reader has to buffer.
func readAll(buffer []byte, reader io.Reader) ([]byte, error) {
	for {
		if len(buffer) == cap(buffer) {
			buffer = append(buffer, 0)[:len(buffer)]
		}
		n, err := reader.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		if err == io.EOF {
			return buffer, nil
		}
		if err != nil {
			return buffer, err
		}
	}
}

// receive handles a message of the hub. An unknown control event is ignored.
func (c *Client) receive(s *scratch) {
	if err := s.view.Parse(s.message); err != nil {
		c.count(func(s *Stats) { s.Malformed++ })
		c.cfg.Logger.Debug("a message of the hub is no event", slog.String("url", c.endpoint.name), slog.String("cause", err.Error()))
		return
	}
	switch string(s.view.Type) {
	case event.TypeAck:
		if ack, err := event.ParseAck(s.message); err == nil {
			c.acknowledged(ack)
		}
		return
	case event.TypeReject:
		if reject, err := event.ParseReject(s.message); err == nil {
			c.rejected(reject)
		}
		return
	case event.TypeGap:
		if g, err := event.ParseGap(s.message); err == nil {
			c.toldGap(g)
		}
		return
	case event.TypePresence:
		if change, err := event.ParsePresence(s.message); err == nil {
			c.toldPresence(change)
		}
		return
	}
	if s.view.Control() == event.None {
		c.hear(&s.view)
	}
}

// names are the type and the id of the last event, as strings for the next one that has the same.
type names struct{ typ, id string }

// hear calls the listeners of the event in view.
func (c *Client) hear(view *event.View) {
	c.received.Add(1)
	if view.Offset > 0 {
		c.hearOfStream(view)
		return
	}
	if !c.closed.Load() {
		c.call(view, true, true)
	}
}

// hearOfStream calls those listeners of an event of a stream whose topics it is new to. What is not handed out because the client was closed
// meanwhile has not come.
func (c *Client) hearOfStream(view *event.View) {
	c.mu.Lock()
	if c.closing {
		c.mu.Unlock()
		return
	}
	a := c.topics.arrive(view.Type, view.ID, view.Offset)
	if a.isRepeated() {
		c.stats.Repeated++
	}
	c.mu.Unlock()
	c.epoch = a.epoch
	if c.call(view, a.ofType.isNew(), a.ofID.isNew()) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a.putBack()
}

// call calls the listeners of the event in view: those of its type, and those of its type and id. It returns false if one was not
// called because the client was closed.
func (c *Client) call(view *event.View, callType, callID bool) bool {
	if !c.listeners.Hear(view.Type, view.ID) {
		return true
	}
	if c.names.typ != string(view.Type) || c.names.id != string(view.ID) {
		c.names = names{string(view.Type), string(view.ID)}
	}
	e := event.Event{Type: c.names.typ, ID: c.names.id, Payload: view.Payload, Offset: view.Offset}
	ofType, ofTypeAndID := c.listeners.Of(e.Type, e.ID)
	return (!callType || c.callAll(ofType, e)) && (!callID || c.callAll(ofTypeAndID, e))
}

// callAll returns false if a listener was not called because the client was closed.
func (c *Client) callAll(found []*listeners.Listener[func(event.Event)], e event.Event) bool {
	for _, l := range found {
		if l.Removed() {
			continue
		}
		if c.closed.Load() {
			return false
		}
		c.guard("listener", func() { l.Call(e) })
	}
	return true
}
