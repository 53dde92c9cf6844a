package fanout

import (
	"github.com/spokehub/spokehub/event"
)

// control carries out a control event that waited in the spoke's inbox.
func (l *lane) control(s *Spoke, raw []byte, d *detail) {
	if s.phase != open || l.view.Parse(raw) != nil {
		return
	}
	var refused map[string]bool
	if d != nil {
		refused = d.refused
	}
	l.controlView(s, refused)
}

// controlView carries out the control event in l.view. All tasks posted before have been run, so what is dispatched from
// now on finds the change and what was dispatched before does not.
func (l *lane) controlView(s *Spoke, refused map[string]bool) {
	v := &l.view
	topics, err := v.Topics(l.topics[:0])
	if err != nil {
		l.counts.badTopics++
		l.reject(s, v.ID, nil, event.InvalidTopic)
		return
	}
	l.topics = topics
	subscribe := v.Control() == event.Subscribe
	inForce := topics[:0]
	for _, topic := range topics {
		if s.phase != open {
			return
		}
		reason := event.Reason("")
		switch {
		case !event.ValidTopic(topic):
			l.counts.badTopics++
			reason = event.InvalidTopic
		case !subscribe:
			l.part.Unsubscribe(s.conn.Slot, topic)
		case refused != nil && refused[string(topic)]:
			reason = event.Forbidden
		case !l.subscribe(s, topic):
			reason = event.Limit
		}
		if reason != "" {
			l.reject(s, v.ID, topic, reason)
			continue
		}
		inForce = append(inForce, topic)
	}
	if len(v.ID) > 0 && (len(inForce) > 0 || len(topics) == 0) && s.phase == open {
		m := newMessage(l.hub)
		m.seal(event.AppendAck(m.begin(), v.ID, inForce), l.hub.opcode, false)
		l.reactor.Sender().Send(s.conn.Slot, &m.Frame)
		m.Release()
	}
}

func (l *lane) subscribe(s *Spoke, topic []byte) bool {
	if !l.part.Subscribe(s.conn.Slot, topic) {
		return true
	}
	if l.part.Count(s.conn.Slot) > l.hub.cfg.MaxTopics {
		l.part.Unsubscribe(s.conn.Slot, topic)
		return false
	}
	return true
}

func (l *lane) reject(s *Spoke, id, topic []byte, reason event.Reason) {
	if len(id) == 0 || s.phase != open {
		return
	}
	m := newMessage(l.hub)
	m.seal(event.AppendReject(m.begin(), id, topic, reason), l.hub.opcode, false)
	l.reactor.Sender().Send(s.conn.Slot, &m.Frame)
	m.Release()
}
