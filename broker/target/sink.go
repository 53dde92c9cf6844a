package target

import (
	"sync"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

// sink is what the engine tells the target.
type sink struct{ target *Target }

// views are for messages of the engine. Each is used by one goroutine at a time.
var views = sync.Pool{New: func() any { return new(event.View) }}

// parse reads a message, which is borrowed, and returns an event that is not. One that no hub has written is not ok.
func (t *Target) parse(message []byte) (h broker.Header, e event.Event, ok bool) {
	h, body, err := broker.ParseMessage(message)
	if err == nil {
		view := views.Get().(*event.View)
		defer views.Put(view)
		if err = view.Parse(body); err == nil && view.Control() == event.None {
			return h, view.Event(), true
		}
	}
	t.config.Logger.Debug("a message was dropped that no hub has sent", "error", err)
	return h, event.Event{}, false
}

// Deliver takes what has come.
func (s *sink) Deliver(d broker.Delivery) {
	t := s.target
	h, e, ok := t.parse(d.Data)
	switch {
	case d.Kind == broker.Stream && ok:
		if f := t.interest.followerOf(e.Type); f != nil {
			f.deliver(d.Position, h, e)
		}
	case d.Kind != broker.Plain || !ok || h.Origin == t.origin || t.streamOf(e.Type) != nil:
	default:
		isRepeat, isLost := t.interest.see(e.Type, e.ID, h, d.ByID)
		if isLost {
			t.deliveries.putAlways(delivery{loss: &Loss{Type: e.Type, Missed: -1, Reason: "the broker has lost messages"}})
		}
		if !isRepeat && t.listeners.Hear([]byte(e.Type), []byte(e.ID)) {
			t.deliveries.put(delivery{event: e})
		}
	}
}

// Up notes that the engine is there, and has streams be compared with it.
func (s *sink) Up() {
	s.target.setState(true, nil)
	s.target.interest.reached()
	notify(s.target.interest.wake)
	notify(s.target.interest.topsWanted)
}

// Down notes that the engine is not there.
func (s *sink) Down(err error) {
	s.target.config.Logger.Warn("the broker is away", "error", err)
	s.target.setState(false, err)
}

// Lost has streams be read from where they are, and compared with the engine for some time, and tells what of other types may be lost.
func (s *sink) Lost(reason string) {
	t := s.target
	t.interest.lose(reason)
	for _, f := range t.interest.followers() {
		f.catchUp()
	}
	notify(t.interest.topsWanted)
}
