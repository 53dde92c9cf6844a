package fanout

import (
	"fmt"
	"runtime/debug"

	"github.com/spokehub/spokehub/event"
)

// callback calls the hook of the embedder that an item of the inbox is for.
func (h *Hub) callback(s *Spoke, i *item) {
	switch i.kind {
	case itemConnected:
		defer h.recoverFrom("OnConnection", s)
		h.cfg.OnConnection(s, s.Conn())
	case itemBackpressure:
		defer h.recoverFrom("OnBackpressure", s)
		h.cfg.OnBackpressure(s, i.detail.pressure)
	case itemDisconnected:
		if h.cfg.OnDisconnection != nil {
			defer h.recoverFrom("OnDisconnection", s)
			h.cfg.OnDisconnection(s, s.Conn(), i.detail.cause)
		}
	}
}

// askHook asks the embedder what the loop has to know to carry out the next item of the inbox. If a hook ends its goroutine, the loop
// finds no answer in the item, which refuses.
func (h *Hub) askHook(s *Spoke, box *inbox, names *interner) {
	switch i := &box.items[box.pos]; i.kind {
	case itemControl:
		h.askToSubscribe(s, box, i)
	case itemSubscribed:
		h.tellSubscribed(s, box, i)
	case itemPublish:
		h.askToPublish(s, box, names)
	}
}

// askToSubscribe asks the embedder about the topics of a control event, which the loop then carries out: once about each that the
// spoke's identity covers.
func (h *Hub) askToSubscribe(s *Spoke, box *inbox, i *item) {
	if h.cfg.OnSubscribe == nil || i.asked {
		return
	}
	i.asked = true
	allowed := make(map[string]bool)
	i.detail = &detail{allowed: allowed}
	var view event.View
	box.setView(&view, i)
	if kind := view.Control(); kind != event.Subscribe && kind != event.Presence {
		return
	}
	if named, err := view.CountTopics(h.maxTopics()); err != nil || named > h.maxTopics() {
		return
	}
	topics, _ := view.Topics(nil)
	for _, topic := range topics {
		if _, known := allowed[string(topic)]; !known && event.ValidTopic(topic) && h.maySubscribe(s.known(), topic) {
			name := string(topic)
			allowed[name] = false
			allowed[name] = h.allowsTopic(s, name)
		}
	}
}

// allowsTopic asks whether the spoke may subscribe to the topic. If the hook panics, it may not.
func (h *Hub) allowsTopic(s *Spoke, topic string) (ok bool) {
	defer h.recoverFrom("OnSubscribe", s)
	return h.cfg.OnSubscribe(s, topic) == nil
}

// recoverFrom recovers from a panic of user code. It must be deferred itself.
func (h *Hub) recoverFrom(what string, s *Spoke) {
	if v := recover(); v != nil {
		h.counters.panics.Add(1)
		h.cfg.Logger.Error("callback panicked; the connection goes on", "callback", what, "spoke", s.id,
			"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	}
}
