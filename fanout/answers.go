package fanout

import "github.com/spokehub/spokehub/wsframe"

// answerShare: answers may take one part in so many of QueueLimit. That is how long an ack gets before another continues it, and
// how much is queued of the answers to a spoke whose socket is full.
const answerShare = 8

// answerOverhead is what an answer on a full socket counts beside its bytes, so that many short ones are not free.
const answerOverhead = 256

// unanswered is what the loop knows of a spoke that asks for answers while its socket is full. It exists from then on until the
// socket has taken all that is queued, or the spoke ends.
//
// I1: queued never exceeds the answers' share of QueueLimit.
// I2: while owed or pong is set the spoke is marked answersBlocked: it is not read, and none of its control events is carried out.
// I3: when a spoke is closed or removed, what it is owed is queued ahead of the last frame, unless its queue is dropped.
type unanswered struct {
	// queued is how much has been queued since the socket filled up, overhead included.
	queued int
	// owed is the answer that there was no room for.
	owed *frame
	// pong is the payload of the last ping that there was no room to answer, nil if there is none.
	pong []byte
}

// answer sends a frame to a spoke that has asked for it, or owes it if the spoke does not read its answers. It drops the caller's
// reference.
func (l *loop) answer(s *Spoke, f *frame) {
	switch {
	case s.phase != open || l.sender.IsRefusing(s.conn.Slot):
	case l.hasRoom(s, f.Len()):
		l.sender.SendLast(s.conn.Slot, &f.Frame)
	default:
		l.unansweredOf(s).owed = f
		l.conns.memory.owed += f.Len()
		l.blockAnswers(s)
		return
	}
	f.Release()
}

// pong answers the last ping of a read. If there is no room, only the last of all pings is answered once there is (RFC 6455
// section 5.5.3): one that is short enough for what room there is answers those before it, too.
func (l *loop) pong(s *Spoke, payload []byte) {
	if l.hasRoom(s, wsframe.HeaderLen(len(payload))+len(payload)) {
		if u := l.conns.unanswered[s]; u != nil {
			u.pong = nil
		}
		l.sendPong(s, payload)
		return
	}
	l.unansweredOf(s).pong = append(make([]byte, 0, len(payload)+1), payload...)
	l.blockAnswers(s)
}

func (l *loop) sendPong(s *Spoke, payload []byte) {
	f := newFrame()
	f.seal(append(f.reserveHeader(), payload...), wsframe.Pong, false)
	l.sender.SendLast(s.conn.Slot, &f.Frame)
	f.Release()
}

// hasRoom says whether an answer of that size may be queued. A socket that is not full gets any answer, however long. One that is
// full still gets a few: a slow reader must be able to unsubscribe and to have its pings answered.
func (l *loop) hasRoom(s *Spoke, size int) bool {
	limit := l.hub.cfg.QueueLimit
	if l.sender.HasRoom(s.conn.Slot, size, limit/answerShare) {
		return true
	}
	u := l.unansweredOf(s)
	size += answerOverhead
	if u.owed != nil || u.queued+size > limit/answerShare || l.sender.Charge(s.conn.Slot)+size > limit {
		return false
	}
	u.queued += size
	return true
}

func (l *loop) unansweredOf(s *Spoke) *unanswered {
	u := l.conns.unanswered[s]
	if u == nil {
		u = new(unanswered)
		l.conns.unanswered[s] = u
		l.sender.NotifyDrained(s.conn.Slot)
	}
	return u
}

// blockAnswers stops reading a spoke until it has read what is queued for it.
func (l *loop) blockAnswers(s *Spoke) { l.pauseReading(s, answersBlocked) }

// answersDrained goes on with a spoke whose socket has taken all that was queued.
func (l *loop) answersDrained(s *Spoke) {
	l.settleAnswers(s)
	l.goOnFeeding(s)
	if s.marks&answersBlocked != 0 {
		l.resumeReading(s, answersBlocked)
		l.markReady(s)
	}
}

// endAnswers queues what a spoke that is about to be closed or removed is owed; what a silent one is owed is dropped like its
// queue.
func (l *loop) endAnswers(s *Spoke, cause Cause) {
	if cause.Kind == CauseSilent {
		l.takeUnanswered(s)
	}
	l.settleAnswers(s)
}

// settleAnswers queues what the spoke is owed and forgets that its socket was full.
func (l *loop) settleAnswers(s *Spoke) {
	u := l.takeUnanswered(s)
	if u == nil {
		return
	}
	isRefusing := l.sender.IsRefusing(s.conn.Slot)
	if u.owed != nil {
		if !isRefusing {
			l.sender.SendLast(s.conn.Slot, &u.owed.Frame)
		}
		u.owed.Release()
	}
	if u.pong != nil && !isRefusing {
		l.sendPong(s, u.pong)
	}
}

// takeUnanswered removes what the loop knows of the answers to a spoke and returns it, nil if there is nothing.
func (l *loop) takeUnanswered(s *Spoke) *unanswered {
	u := l.conns.unanswered[s]
	if u != nil {
		delete(l.conns.unanswered, s)
		l.conns.memory.owed -= u.owedBytes()
	}
	return u
}

// owedBytes is the length of the answer that is owed.
func (u *unanswered) owedBytes() int {
	if u == nil || u.owed == nil {
		return 0
	}
	return u.owed.Len()
}
