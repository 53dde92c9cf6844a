package fanout

import "github.com/spokehub/spokehub/event"

const (
	// sliceTopics is how many topics of one spoke are carried out before others have their turn.
	sliceTopics = 256
	// turnTopics is how many topics of all spokes are, some 200 us each in Input and in handOver.
	turnTopics = 512
)

// progress is how far a control event has been carried out. The loop owns it.
type progress struct {
	// begun says that its topics have been counted, and that there are some and not too many.
	begun bool
	// place is that of the first topic that is left, allDone if none is.
	place int
	// ack is the answer that the topics in force so far have, nil if there is none yet.
	ack *frame
}

// allDone is the place of an event whose topics have all been carried out.
const allDone = -1

// control carries the control event in view out, from where p says. Of its subscriptions only those take effect that the
// spoke's identity covers and that allowed has, unless it is nil. It stops after a slice, or when the spoke has to read answers
// first, and reports whether all is done. What p says afterwards is good for the same event.
//
// All tasks posted before have been run, so what is dispatched from now on finds the change and what was dispatched before
// does not.
func (l *loop) control(s *Spoke, p *progress, allowed map[string]bool) (done bool) {
	if l.work.topics <= 0 || s.marks&answersBlocked != 0 {
		return false
	}
	if !p.begun && !l.beginControl(s, p) {
		return true
	}
	if p.place != allDone {
		l.changeTopics(s, p, allowed)
	}
	if p.place != allDone {
		return false
	}
	if p.ack != nil && s.marks&answersBlocked != 0 {
		return false
	}
	l.sendAck(s, p)
	return true
}

// beginControl counts the topics of the control event in view. If there is nothing to carry out it answers and reports false: the
// event names no topic, or more than a spoke may have, and then it is refused whole, before anything is done for it.
func (l *loop) beginControl(s *Spoke, p *progress) bool {
	v := &l.scratch.view
	named, err := v.CountTopics(l.hub.maxTopics())
	if err == nil && named > 0 && named <= l.hub.maxTopics() {
		p.begun = true
		return true
	}
	l.work.topics--
	switch {
	case err != nil:
		l.counts.badTopics++
		l.reject(s, v.ID, nil, event.InvalidTopic)
	case named > 0:
		l.counts.overTopics++
		l.reject(s, v.ID, nil, event.Limit)
	default:
		l.addToAck(p, v.ID, nil)
		l.sendAck(s, p)
	}
	return false
}

// changeTopics carries out a slice of the topics of the control event in view, up to one whose answer there is no room for.
func (l *loop) changeTopics(s *Spoke, p *progress, allowed map[string]bool) {
	v := &l.scratch.view
	topics, next, _ := v.TopicsFrom(l.scratch.topics[:0], p.place, min(sliceTopics, l.work.topics))
	l.scratch.topics = topics
	l.work.topics -= len(topics)
	kind, piece := v.Control(), l.hub.cfg.QueueLimit/answerShare
	who := s.known()
	inForce, length := topics[:0], 0
	for i, topic := range topics {
		reason := l.change(s, who, kind, topic, allowed)
		if reason != "" {
			l.reject(s, v.ID, topic, reason)
		} else {
			inForce = append(inForce, topic)
			length += len(topic) + len(`"",`)
		}
		if p.length()+length >= piece && s.marks&answersBlocked == 0 {
			inForce = l.addToAck(p, v.ID, inForce)
			length = 0
			l.sendAck(s, p)
		}
		if s.marks&answersBlocked != 0 && i < len(topics)-1 {
			if len(inForce) > 0 {
				l.addToAck(p, v.ID, inForce)
			}
			_, p.place, _ = v.TopicsFrom(l.scratch.topics[:0], p.place, i+1)
			return
		}
	}
	if len(inForce) > 0 {
		l.addToAck(p, v.ID, inForce)
	}
	p.place = next
}

// change carries out a control event for one topic and says why it could not.
func (l *loop) change(s *Spoke, who *Identity, kind event.Kind, topic []byte, allowed map[string]bool) event.Reason {
	switch {
	case !event.ValidTopic(topic):
		l.counts.badTopics++
		return event.InvalidTopic
	case kind == event.Unsubscribe:
		l.part.Unsubscribe(s.conn.Slot, topic)
	case !l.hub.maySubscribe(who, topic) || allowed != nil && !allowed[string(topic)]:
		l.counts.forbiddenTopics++
		return event.Forbidden
	case !l.subscribe(s, topic):
		l.counts.overTopics++
		return event.Limit
	}
	return ""
}

// subscribe reports false if the spoke has as many topics as it may. Then it does not touch the index: the topic does not come and go
// by a subscription that is not allowed.
func (l *loop) subscribe(s *Spoke, topic []byte) bool {
	slot := s.conn.Slot
	if l.part.Count(slot) >= l.hub.maxTopics() {
		return l.part.Has(slot, topic)
	}
	l.part.Subscribe(slot, topic)
	return true
}

// addToAck adds topics to the ack of the control event id and returns what is left of the slice for more.
func (l *loop) addToAck(p *progress, id []byte, topics [][]byte) (rest [][]byte) {
	before := p.length()
	switch {
	case len(id) == 0:
	case p.ack == nil:
		p.ack = newFrame()
		p.ack.buf = event.AppendAck(p.ack.reserveHeader(), id, topics)
	default:
		p.ack.buf = event.AppendAckTopics(p.ack.buf, topics)
	}
	l.conns.memory.owed += p.length() - before
	return topics[len(topics):]
}

// length is that of the ack so far.
func (p *progress) length() int {
	if p.ack == nil {
		return 0
	}
	return len(p.ack.buf)
}

// sendAck sends the ack, if there is one.
func (l *loop) sendAck(s *Spoke, p *progress) {
	if f := p.ack; f != nil {
		l.conns.memory.owed -= p.length()
		p.ack = nil
		f.seal(f.buf, l.hub.cfg.opcode, false)
		l.answer(s, f)
	}
}

// dropAck drops an ack that nobody waits for any more.
func (l *loop) dropAck(p *progress) {
	if p.ack != nil {
		l.conns.memory.owed -= p.length()
		p.ack.Recycle()
		p.ack = nil
	}
}

// reject answers the control event id, if it wants an answer.
func (l *loop) reject(s *Spoke, id, topic []byte, reason event.Reason) {
	if len(id) > 0 {
		l.sendReject(s, id, topic, reason)
	}
}

func (l *loop) sendReject(s *Spoke, id, topic []byte, reason event.Reason) {
	f := newFrame()
	f.seal(event.AppendReject(f.reserveHeader(), id, topic, reason), l.hub.cfg.opcode, false)
	l.answer(s, f)
}
