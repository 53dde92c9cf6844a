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

// authorize asks the embedder about the topics of a control event, which the loop then carries out.
func (h *Hub) authorize(s *Spoke, box *inbox, i *item) {
	if h.cfg.Authorize == nil || i.authorized {
		return
	}
	i.authorized = true
	i.detail = &detail{forbidden: make(map[string]bool)}
	var view event.View
	box.setView(&view, i)
	if view.Control() != event.Subscribe {
		return
	}
	if named, err := view.CountTopics(h.maxTopics()); err != nil || named > h.maxTopics() {
		return
	}
	topics, _ := view.Topics(nil)
	for _, topic := range topics {
		if event.ValidTopic(topic) && !h.allows(s, string(topic)) {
			i.detail.forbidden[string(topic)] = true
		}
	}
}

// allows asks whether the spoke may subscribe to the topic. If the hook panics, it may not.
func (h *Hub) allows(s *Spoke, topic string) (ok bool) {
	defer h.recoverFrom("Authorize", s)
	return h.cfg.Authorize(s, topic)
}

// recoverFrom recovers from a panic of user code. It must be deferred itself.
func (h *Hub) recoverFrom(what string, s *Spoke) {
	if v := recover(); v != nil {
		h.counters.panics.Add(1)
		h.cfg.Logger.Error("callback panicked; the connection goes on", "callback", what, "spoke", s.id,
			"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	}
}
