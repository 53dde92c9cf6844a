package fanout

import (
	"github.com/spokehub/spokehub/event"
)

// control carries out the control event in view, but for subscriptions to forbidden topics. All tasks posted before have
// been run, so what is dispatched from now on finds the change and what was dispatched before does not.
func (l *loop) control(s *Spoke, forbidden map[string]bool) {
	v := &l.scratch.view
	topics, err := v.Topics(l.scratch.topics[:0])
	if err != nil {
		l.counts.badTopics++
		l.reject(s, v.ID, nil, event.InvalidTopic)
		return
	}
	l.scratch.topics = topics
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
		case forbidden != nil && forbidden[string(topic)]:
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
	if len(inForce) > 0 || len(topics) == 0 {
		l.ack(s, v.ID, inForce)
	}
}

// subscribe reports false if the spoke has as many topics as it may.
func (l *loop) subscribe(s *Spoke, topic []byte) bool {
	if !l.part.Subscribe(s.conn.Slot, topic) {
		return true
	}
	if l.part.Count(s.conn.Slot) > l.hub.cfg.MaxTopics {
		l.part.Unsubscribe(s.conn.Slot, topic)
		return false
	}
	return true
}

func (l *loop) ack(s *Spoke, id []byte, topics [][]byte) {
	if len(id) > 0 {
		f := newFrame()
		f.seal(event.AppendAck(f.reserveHeader(), id, topics), l.hub.cfg.opcode, false)
		l.answer(s, f)
	}
}

func (l *loop) reject(s *Spoke, id, topic []byte, reason event.Reason) {
	if len(id) > 0 {
		f := newFrame()
		f.seal(event.AppendReject(f.reserveHeader(), id, topic, reason), l.hub.cfg.opcode, false)
		l.answer(s, f)
	}
}

// answer sends a frame to a spoke, unless the spoke has been closed since it asked, and drops the caller's reference.
func (l *loop) answer(s *Spoke, f *frame) {
	if s.phase == open {
		l.send(s, f)
	}
	f.Release()
}
