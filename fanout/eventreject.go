package fanout

import (
	"time"

	"github.com/spokehub/spokehub/event"
)

const (
	// tellEvery is how long it takes until a spoke is told once more that an event of it was dropped, tellBurst how long it has been
	// told nothing when it is told of all.
	tellEvery = time.Second
	tellBurst = 10 * tellEvery
)

// rejectEvent tells the spoke why the event in view was dropped, unless it has been told often enough lately or does not read what it
// is told.
func (l *loop) rejectEvent(s *Spoke, reason event.Reason) {
	l.counts.rejects[reason]++
	if s.phase != open || s.marks&answersBlocked != 0 || l.sender.IsRefusing(s.conn.Slot) ||
		!s.ensureSeldom().told.spend(tellEvery, tellBurst, l.reactor.Now()) {
		return
	}
	f := newFrame()
	f.seal(event.AppendReject(f.reserveHeader(), nil, l.topicInView(), reason), l.hub.cfg.opcode, false)
	if l.hasRoom(s, f.Len()) {
		l.sender.SendLast(s.conn.Slot, &f.Frame)
	}
	f.Release()
}

// topicInView is the topic of the event in view, good until the next call.
func (l *loop) topicInView() []byte {
	v := &l.scratch.view
	if len(v.ID) == 0 {
		return v.Type
	}
	l.scratch.topic = append(append(append(l.scratch.topic[:0], v.Type...), ':'), v.ID...)
	return l.scratch.topic
}
