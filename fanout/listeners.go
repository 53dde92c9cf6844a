package fanout

import (
	"fmt"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/internal/listeners"
)

// listenerSet is the listeners of a hub or of a spoke.
type listenerSet = listeners.Set[func(*Spoke, event.Event)]

// AddEventListener has f called for every event that a spoke sends and that matches topic, which is a type, or a type and
// an id as "type:id". For one spoke the calls come in the order of its events. f runs on the worker pool, under the rules
// of Config's callbacks; the payload is borrowed until it returns. remove takes the listener away again: once it has
// returned, no call begins but for one that is under way on another goroutine. The error says what is wrong with the topic.
func (h *Hub) AddEventListener(topic string, f func(*Spoke, event.Event)) (remove func(), err error) {
	return addListener(&h.listeners, topic, f)
}

// AddEventListener is Hub.AddEventListener for the events of this spoke alone.
func (s *Spoke) AddEventListener(topic string, f func(*Spoke, event.Event)) (remove func(), err error) {
	return addListener(&s.ensureSeldom().listeners, topic, f)
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

func addListener(set *listenerSet, topic string, f func(*Spoke, event.Event)) (remove func(), err error) {
	if f == nil {
		return nil, fmt.Errorf("listen to %q: the function is nil", topic)
	}
	if _, _, err := event.SplitTopic(topic); err != nil {
		return nil, fmt.Errorf("listen to %q: %w", topic, err)
	}
	return set.Add(topic, f), nil
}

func (h *Hub) callAll(set *listenerSet, s *Spoke, e event.Event) {
	ofType, ofTypeAndID := set.Of(e.Type, e.ID)
	h.callEach(ofType, s, e)
	h.callEach(ofTypeAndID, s, e)
}

func (h *Hub) callEach(found []*listeners.Listener[func(*Spoke, event.Event)], s *Spoke, e event.Event) {
	for _, l := range found {
		if !l.Removed() {
			h.call("event listener", l.Call, s, e)
		}
	}
}

func (h *Hub) call(what string, f func(*Spoke, event.Event), s *Spoke, e event.Event) {
	defer h.recoverFrom(what, s)
	f(s, e)
}

// hears says whether the spoke has a listener of its own for the event in view.
func (s *Spoke) hears(v *event.View) bool {
	x := s.seldom()
	return x != nil && x.listeners.Hear(v.Type, v.ID)
}
