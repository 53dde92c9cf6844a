package fanout

import "github.com/spokehub/spokehub/event"

const (
	// sliceTopics is how many topics of one spoke are carried out before others have their turn.
	sliceTopics = 256
	// turnTopics is how many topics of all spokes are, some 200 us each in Input and in handOver.
	turnTopics = 512
	// sinceBytes: so many bytes of a control event take about as long to read for positions as a topic does to be carried out.
	sinceBytes = 256
)

// progress is how far a control event has been carried out. The loop owns it.
type progress struct {
	// begun says that its topics have been counted, and that there are some and not too many.
	begun bool
	// place is that of the first topic that is left, allDone if none is.
	place int
	// ack is the answer that the topics in force so far have, nil if there is none yet.
	ack *frame
	// carriedOut is how many topics have been, and fresh which of them are new to the spoke; nil if none is, or nobody asks.
	carriedOut int
	fresh      *freshTopics
	// isListing says that the spoke has become a watcher of the topic at place, and has yet to be sent all of its list.
	isListing bool
	// positions are those of topics of streams that the ack has, nil if there are none.
	positions *ackPositions
	// wait holds what the topics at place need of the broker; nil if nothing is held, or there is no broker.
	wait *interestWait
	// members waits for other hubs to tell who is in the room of the topic at place; nil if nothing is waited for.
	members *memberWait
	// isLate says that the broker, or another hub, has not answered in time for a topic, so that no further one waits.
	isLate bool
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
	l.answered(s)
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

// changeTopics carries out a slice of the topics of the control event in view, up to one whose answer there is no room for, or for which the broker has yet to be asked. What is
// in force ahead of that is acknowledged: events of it may come before the rest is answered.
func (l *loop) changeTopics(s *Spoke, p *progress, allowed map[string]bool) {
	v := &l.scratch.view
	if v.Control() == event.Presence {
		l.answerPresence(s, p, allowed)
		return
	}
	topics, next, _ := v.TopicsFrom(l.scratch.topics[:0], p.place, min(sliceTopics, l.work.topics, p.held()))
	l.scratch.topics = topics
	if l.hub.cluster != nil && v.Control() == event.Subscribe {
		if !l.holdInterest(s, p, topics, allowed) {
			return
		}
		defer p.dropInterest()
	}
	l.work.topics -= len(topics)
	kind, piece := v.Control(), l.hub.cfg.QueueLimit/answerShare
	who, sinces := s.known(), l.sinces(kind, topics)
	inForce, length := topics[:0], 0
	for i, topic := range topics {
		if l.isToBeHeld(s, p, i, who, topic, allowed) {
			if len(inForce) > 0 {
				l.addToAck(p, v.ID, inForce)
			}
			l.sendAck(s, p)
			_, p.place, _ = v.TopicsFrom(l.scratch.topics[:0], p.place, i)
			return
		}
		before := l.topicsBefore(s)
		isNew, reason := false, event.Unavailable
		if !p.isOutOfReach(i) {
			isNew, reason = l.change(s, who, kind, topic, allowed)
		}
		l.carriedOut(s, p, before)
		if isNew && l.hub.streams.policies != nil && !l.enterBy(s, p, topic, sinceOf(sinces, i), next == allDone) {
			p.place = allDone
			return
		}
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

// sinces are where the spoke has been in the streams of some topics of the control event in view, nil if it does not say so.
func (l *loop) sinces(kind event.Kind, topics [][]byte) []event.Since {
	if kind != event.Subscribe || l.hub.streams.policies == nil || !l.scratch.view.HasSince() {
		return nil
	}
	l.work.topics -= len(l.scratch.view.Payload) / sinceBytes
	l.scratch.sinces = l.scratch.view.Since(l.scratch.sinces[:0], topics)
	return l.scratch.sinces
}

func sinceOf(sinces []event.Since, i int) event.Since {
	if sinces == nil {
		return event.Since{}
	}
	return sinces[i]
}

// change carries out a control event for one topic, and says whether the spoke is subscribed to it by that, or why it can't be.
func (l *loop) change(s *Spoke, who *Identity, kind event.Kind, topic []byte, allowed map[string]bool) (isNew bool, reason event.Reason) {
	switch {
	case !event.ValidTopic(topic):
		l.counts.badTopics++
		return false, event.InvalidTopic
	case kind == event.Unsubscribe:
		l.unsubscribe(s, topic)
		return false, ""
	case !l.hub.maySubscribe(who, topic) || allowed != nil && !allowed[string(topic)]:
		l.counts.forbiddenTopics++
		return false, event.Forbidden
	}
	isNew, ok := l.subscribe(s, topic)
	if !ok {
		l.counts.overTopics++
		return false, event.Limit
	}
	return isNew, ""
}

// subscribe says whether the topic is new to the spoke, or reports !ok if that has as many topics as it may. Then it does not touch the index: the topic
// does not come and go by a subscription that is not allowed.
func (l *loop) subscribe(s *Spoke, topic []byte) (isNew, ok bool) {
	slot := s.conn.Slot
	if l.topicCount(slot) >= l.hub.maxTopics() {
		return false, l.part.Has(slot, topic)
	}
	isNew = l.part.Subscribe(slot, topic)
	if isNew {
		l.entered(s, topic)
	}
	return isNew, true
}

// unsubscribe says whether the spoke was subscribed to the topic. It also ends watching it.
func (l *loop) unsubscribe(s *Spoke, topic []byte) bool {
	l.leftStream(s, topic)
	l.left(s, topic)
	return l.part.Unsubscribe(s.conn.Slot, topic)
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
	length := 0
	if p.ack != nil {
		length = len(p.ack.buf)
	}
	if p.positions != nil {
		length += len(p.positions.members)
	}
	return length
}

// sendAck sends the ack, if there is one.
func (l *loop) sendAck(s *Spoke, p *progress) {
	l.conns.memory.owed -= p.length()
	f, positions := p.ack, p.positions
	p.ack, p.positions = nil, nil
	if f != nil {
		if positions != nil {
			f.buf = event.AppendAckPositions(f.buf, positions.members)
		}
		f.seal(f.buf, l.hub.cfg.opcode, false)
		l.answer(s, f)
	}
}

// dropAck drops an ack that nobody waits for any more.
func (l *loop) dropAck(p *progress) {
	l.conns.memory.owed -= p.length()
	if p.ack != nil {
		p.ack.Recycle()
	}
	p.ack, p.positions = nil, nil
	p.dropInterest()
	p.dropMembers()
}

// reject answers the control event id, if it wants an answer.
func (l *loop) reject(s *Spoke, id, topic []byte, reason event.Reason) {
	l.counts.rejects[reason]++
	if len(id) > 0 {
		l.sendReject(s, id, topic, reason)
	}
}

func (l *loop) sendReject(s *Spoke, id, topic []byte, reason event.Reason) {
	f := newFrame()
	f.seal(event.AppendReject(f.reserveHeader(), id, topic, reason), l.hub.cfg.opcode, false)
	l.answer(s, f)
}
