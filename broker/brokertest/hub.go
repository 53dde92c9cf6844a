package brokertest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/stream"
)

// hub is an engine that runs, with what it tells.
type hub struct {
	broker.Broker
	*sink
}

// open starts the engines of a new cluster and waits until they are up.
func open(t *testing.T, c Config, n int) []*hub {
	t.Helper()
	list := c.Engines(t, n)
	if len(list) != n {
		t.Fatalf("got %d engines, want %d", len(list), n)
	}
	hubs := make([]*hub, n)
	for i, engine := range list {
		hubs[i] = start(t, engine)
	}
	for _, h := range hubs {
		h.await(t, "Up", func(k *known) bool { return k.ups > 0 })
	}
	return hubs
}

// start starts an engine, and has it closed with the test.
func start(t *testing.T, engine broker.Broker) *hub {
	t.Helper()
	h := &hub{Broker: engine, sink: &sink{changed: make(chan struct{})}}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Errorf("Close: got %v, want nil", err)
		}
	})
	if err := engine.Start(h.sink); err != nil {
		t.Fatalf("Start: %v", err)
	}
	return h
}

// bounded is a context for a call that has to succeed.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func (h *hub) subscribe(t *testing.T, keys ...broker.Key) {
	t.Helper()
	if err := h.Subscribe(bounded(t), keys...); err != nil {
		t.Fatalf("Subscribe: %v", err)
	}
}

func (h *hub) publish(t *testing.T, key broker.Key, texts ...string) {
	t.Helper()
	var batch []broker.Message
	for _, text := range texts {
		batch = append(batch, broker.Message{Key: key, Data: message(text)})
	}
	if err := h.Publish(bounded(t), batch); err != nil {
		t.Fatalf("Publish to %v: %v", key, err)
	}
}

// append appends events, all of which have to succeed.
func (h *hub) append(t *testing.T, events ...*broker.Append) {
	t.Helper()
	h.Append(bounded(t), events)
	for i, e := range events {
		if e.Err != nil {
			t.Fatalf("event %d of %d of the type %q: %v", i, len(events), e.Type, e.Err)
		}
	}
}

func (h *hub) read(t *testing.T, q broker.Query) broker.Page {
	t.Helper()
	page, err := h.Read(bounded(t), q)
	if err != nil {
		t.Fatalf("Read %+v: %v", q, err)
	}
	return page
}

// message is one as hubs send them, with a text in place of an envelope. It was sent now: an engine may judge the age of events by that.
func message(text string) []byte {
	return broker.Seal(append(broker.AppendHeader(nil, broker.Header{Origin: 7, At: time.Now()}), text...))
}

// text is that of a message.
func text(data []byte) string {
	if len(data) < broker.HeaderBytes {
		return fmt.Sprintf("%d bytes", len(data))
	}
	return string(data[broker.HeaderBytes:])
}

func plain(typ, id string) broker.Key   { return broker.Key{Kind: broker.Plain, Type: typ, ID: id} }
func ofStream(typ string) broker.Key    { return broker.Key{Kind: broker.Stream, Type: typ} }
func control(channel string) broker.Key { return broker.Key{Kind: broker.Control, Type: channel} }

// keepAll keeps what the tests append.
func keepAll() *stream.Policy {
	return &stream.Policy{Match: "*", History: stream.History{Events: 100_000}}
}

// appends are events of a type, one for each text.
func appends(policy *stream.Policy, typ string, texts ...string) []*broker.Append {
	var list []*broker.Append
	for _, text := range texts {
		list = append(list, &broker.Append{Policy: policy, Type: typ, Data: message(text)})
	}
	return list
}

// numbered are n texts that differ.
func numbered(prefix string, n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("%s %d", prefix, i)
	}
	return texts
}

// sink remembers what an engine tells. mu guards what is known and changed, which is closed at each change.
type sink struct {
	mu      sync.Mutex
	changed chan struct{}
	known   known
}

// known is what a sink was told.
type known struct {
	deliveries       []broker.Delivery
	ups, downs, lost int
}

func (s *sink) note(change func(*known)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.known)
	close(s.changed)
	s.changed = make(chan struct{})
}

// Deliver keeps a copy.
func (s *sink) Deliver(d broker.Delivery) {
	d.Data = bytes.Clone(d.Data)
	s.note(func(k *known) { k.deliveries = append(k.deliveries, d) })
}

// Up is counted.
func (s *sink) Up() { s.note(func(k *known) { k.ups++ }) }

// Down is counted.
func (s *sink) Down(error) { s.note(func(k *known) { k.downs++ }) }

// Lost is counted.
func (s *sink) Lost(string) { s.note(func(k *known) { k.lost++ }) }

// calls is how often the sink has been called.
func (s *sink) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.known.deliveries) + s.known.ups + s.known.downs + s.known.lost
}

// await waits until what is known meets a condition.
func (s *sink) await(t *testing.T, what string, met func(*known) bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		done, changed := met(&s.known), s.changed
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("waited in vain for %s after %d calls of the sink", what, s.calls())
		}
	}
}

// awaitText waits for a delivery by its text.
func (s *sink) awaitText(t *testing.T, want string) {
	t.Helper()
	seen := 0
	s.await(t, fmt.Sprintf("%.100q", want), func(k *known) bool {
		for ; seen < len(k.deliveries); seen++ {
			if text(k.deliveries[seen].Data) == want {
				return true
			}
		}
		return false
	})
}

// deliveries waits until there are n and returns all.
func (s *sink) deliveries(t *testing.T, n int) []broker.Delivery {
	t.Helper()
	s.await(t, fmt.Sprintf("%d deliveries", n), func(k *known) bool { return len(k.deliveries) >= n })
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]broker.Delivery(nil), s.known.deliveries...)
}
