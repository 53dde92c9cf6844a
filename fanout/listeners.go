package fanout

import (
	"fmt"
	"sync"

	"github.com/spokehub/spokehub/event"
)

// listener is one function that hears a topic.
type listener struct {
	hear func(*Spoke, event.Event)
}

// registry is an immutable set of listeners by topic; a change makes a new one.
type registry struct {
	byTopic map[string][]*listener
}

// with returns a registry that has one more listener.
func (g *registry) with(topic string, add *listener) *registry {
	next := &registry{byTopic: make(map[string][]*listener)}
	if g != nil {
		for t, ls := range g.byTopic {
			next.byTopic[t] = ls
		}
	}
	old := next.byTopic[topic]
	next.byTopic[topic] = append(old[:len(old):len(old)], add)
	return next
}

// without returns a registry that lacks one listener; nil if none is left.
func (g *registry) without(topic string, gone *listener) *registry {
	next := &registry{byTopic: make(map[string][]*listener)}
	for t, ls := range g.byTopic {
		if t != topic {
			next.byTopic[t] = ls
			continue
		}
		for _, l := range ls {
			if l != gone {
				next.byTopic[t] = append(next.byTopic[t], l)
			}
		}
	}
	if len(next.byTopic) == 0 {
		return nil
	}
	return next
}

// hears says whether an event of this type and id has a listener.
func (g *registry) hears(typ, id []byte) bool {
	if g == nil {
		return false
	}
	if len(g.byTopic[string(typ)]) > 0 {
		return true
	}
	if len(id) == 0 {
		return false
	}
	var key [topicBytes]byte
	return len(g.byTopic[string(appendTopic(key[:0], typ, id))]) > 0
}

// each calls hear for the listeners of the event's type, then for those of its type and id.
func (g *registry) each(e event.Event, hear func(*listener)) {
	if g == nil {
		return
	}
	for _, l := range g.byTopic[e.Type] {
		hear(l)
	}
	if e.ID == "" {
		return
	}
	var key [topicBytes]byte
	for _, l := range g.byTopic[string(append(append(append(key[:0], e.Type...), ':'), e.ID...))] {
		hear(l)
	}
}

const topicBytes = 513

func appendTopic(dst, typ, id []byte) []byte {
	return append(append(append(dst, typ...), ':'), id...)
}

// AddEventListener has f hear the events that spokes send, all spokes in one stream a spoke, in order. topic is a topic
// as in a subscription: "type", or "type:id" for one id alone. f runs on the worker pool, under the rules of Config's
// callbacks; the payload is borrowed until it returns. remove takes the listener away again: calls that have begun, or
// whose event has been read, may still come. The error says what is wrong with the topic.
func (h *Hub) AddEventListener(topic string, f func(*Spoke, event.Event)) (remove func(), err error) {
	return addListener(topic, f, h.changeListeners)
}

// AddEventListener is Hub.AddEventListener for the events of this spoke alone.
func (s *Spoke) AddEventListener(topic string, f func(*Spoke, event.Event)) (remove func(), err error) {
	return addListener(topic, f, func(change func(*registry) *registry) {
		x := s.more()
		x.mu.Lock()
		defer x.mu.Unlock()
		x.listeners.Store(change(x.listeners.Load()))
	})
}

func (h *Hub) changeListeners(change func(*registry) *registry) {
	h.listenersMu.Lock()
	defer h.listenersMu.Unlock()
	h.listeners.Store(change(h.listeners.Load()))
}

func addListener(topic string, f func(*Spoke, event.Event), update func(func(*registry) *registry)) (func(), error) {
	if f == nil {
		return nil, fmt.Errorf("listen to %q: the function is nil", topic)
	}
	if _, _, err := event.SplitTopic(topic); err != nil {
		return nil, fmt.Errorf("listen to %q: %w", topic, err)
	}
	l := &listener{hear: f}
	update(func(g *registry) *registry { return g.with(topic, l) })
	var once sync.Once
	return func() {
		once.Do(func() {
			update(func(g *registry) *registry { return g.without(topic, l) })
		})
	}, nil
}

// own is the spoke's own listeners.
func (s *Spoke) own() *registry {
	if x := s.extra.Load(); x != nil {
		return x.listeners.Load()
	}
	return nil
}
