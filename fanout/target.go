package fanout

import "github.com/spokehub/spokehub/event"

// Target returns the hub as an [event.Target], for code that works with any of them. What is dispatched to it goes to the
// spokes, as with DispatchEvent, which always returns true: failures show as callbacks and counters. Its listeners hear what
// spokes send, all spokes in one, as those of AddEventListener do: on the worker pool, for several spokes at the same time.
// An event dispatched to it is not handed back to them. It ends with the hub.
func (h *Hub) Target() event.Target { return target{hub: h} }

// target is the hub without its spokes: events go to all that are subscribed, and come from all.
type target struct{ hub *Hub }

func (t target) DispatchEvent(e event.Event) bool { return t.hub.DispatchEvent(e) }

func (t target) AddEventListener(topic string, listener func(event.Event)) (remove func()) {
	event.MustListen(topic, listener)
	return t.hub.listeners.Add(topic, func(_ *Spoke, e event.Event) { listener(e) })
}
