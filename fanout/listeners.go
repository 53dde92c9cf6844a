package fanout

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/spokehub/spokehub/event"
)

// AddEventListener has f called for every event that a spoke sends and that matches topic, which is a type, or a type and
// an id as "type:id". For one spoke the calls come in the order of its events. f runs on the worker pool, under the rules
// of Config's callbacks; the payload is borrowed until it returns. remove takes the listener away again: calls that have
// begun, or whose event has been read, may still come. The error says what is wrong with the topic.
func (h *Hub) AddEventListener(topic string, f func(*Spoke, event.Event)) (remove func(), err error) {
	return h.listeners.add(topic, f)
}

// AddEventListener is Hub.AddEventListener for the events of this spoke alone.
func (s *Spoke) AddEventListener(topic string, f func(*Spoke, event.Event)) (remove func(), err error) {
	return s.ensureSeldom().listeners.add(topic, f)
}

// hear calls all that listens to an event of the spoke: OnEvent, the spoke's own listeners, then the hub's. It runs on a
// worker.
func (h *Hub) hear(s *Spoke, e event.Event) {
	if h.cfg.OnEvent != nil {
		h.call("OnEvent", h.cfg.OnEvent, s, e)
	}
	if x := s.seldom(); x != nil {
		h.callAll(&x.listeners, s, e)
	}
	h.callAll(&h.listeners, s, e)
}

func (h *Hub) callAll(listeners *listenerSet, s *Spoke, e event.Event) {
	ofType, ofTypeAndID := listeners.matching(e)
	for _, l := range ofType {
		h.call("event listener", l.f, s, e)
	}
	for _, l := range ofTypeAndID {
		h.call("event listener", l.f, s, e)
	}
}

func (h *Hub) call(what string, f func(*Spoke, event.Event), s *Spoke, e event.Event) {
	defer h.recoverFrom(what, s)
	f(s, e)
}

// hears says whether the spoke has a listener of its own for the event in view.
func (s *Spoke) hears(v *event.View) bool {
	x := s.seldom()
	return x != nil && x.listeners.hears(v)
}

// listenerSet is the listeners of a hub or of a spoke. Any goroutine may use it: readers load what is there, those who
// change it make a new one under mu.
type listenerSet struct {
	mu      sync.Mutex
	current atomic.Pointer[topicListeners]
}

// topicListeners are listeners by topic. They never change.
type topicListeners map[string][]*listener

// listener is one function that listens to a topic. Its address tells it from others.
type listener struct {
	f func(*Spoke, event.Event)
}

func (g *listenerSet) add(topic string, f func(*Spoke, event.Event)) (remove func(), err error) {
	if f == nil {
		return nil, fmt.Errorf("listen to %q: the function is nil", topic)
	}
	if _, _, err := event.SplitTopic(topic); err != nil {
		return nil, fmt.Errorf("listen to %q: %w", topic, err)
	}
	l := &listener{f: f}
	g.change(topic, func(old []*listener) []*listener { return append(old, l) })
	return sync.OnceFunc(func() {
		g.change(topic, func(old []*listener) []*listener {
			return slices.DeleteFunc(old, func(other *listener) bool { return other == l })
		})
	}), nil
}

// change replaces the listeners of a topic by what edit makes of a copy of them.
func (g *listenerSet) change(topic string, edit func([]*listener) []*listener) {
	g.mu.Lock()
	defer g.mu.Unlock()
	next := make(topicListeners)
	if old := g.current.Load(); old != nil {
		maps.Copy(next, *old)
	}
	next[topic] = edit(slices.Clone(next[topic]))
	if len(next[topic]) == 0 {
		delete(next, topic)
	}
	if len(next) == 0 {
		g.current.Store(nil)
		return
	}
	g.current.Store(&next)
}

// maxTopic is the length of the longest topic.
const maxTopic = 513

// hears says whether the event in view has a listener.
func (g *listenerSet) hears(v *event.View) bool {
	current := g.current.Load()
	return current != nil && current.have(v)
}

func (g topicListeners) have(v *event.View) bool {
	if len(g[string(v.Type)]) > 0 {
		return true
	}
	if len(v.ID) == 0 {
		return false
	}
	var topic [maxTopic]byte
	return len(g[string(append(append(append(topic[:0], v.Type...), ':'), v.ID...))]) > 0
}

// matching are the listeners of the event's type, and those of its type and id.
func (g *listenerSet) matching(e event.Event) (ofType, ofTypeAndID []*listener) {
	current := g.current.Load()
	if current == nil {
		return nil, nil
	}
	ofType = (*current)[e.Type]
	if e.ID != "" {
		var topic [maxTopic]byte
		ofTypeAndID = (*current)[string(append(append(append(topic[:0], e.Type...), ':'), e.ID...))]
	}
	return ofType, ofTypeAndID
}
