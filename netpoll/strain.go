package netpoll

import "time"

// keptSamples is how many samples a backlog keeps.
const keptSamples = 8

// QueueSample is how much waited for a full socket at a moment.
type QueueSample struct {
	// Ago is how long ago that was, to the Tick.
	Ago time.Duration
	// Bytes were left to send.
	Bytes int
}

// strain is what a backlog remembers of how it grew: its last samples, which lie a tick or a doubling apart. It belongs to the
// Sender and costs a connection nothing whose socket is not full.
type strain struct {
	ticks, bytes [keptSamples]uint32
	// taken is how many samples there have been.
	taken uint32
	// told says that the queue has been over half the limit in this episode, which ends when the queue is calm again.
	told bool
}

// note takes a sample, unless the last one says as much.
func (t *strain) note(now uint32, bytes int) {
	if t.taken > 0 {
		last := (t.taken - 1) % keptSamples
		if before := int(t.bytes[last]); now == t.ticks[last] && bytes < 2*before && before < 2*bytes {
			return
		}
	}
	at := t.taken % keptSamples
	t.ticks[at], t.bytes[at] = now, uint32(bytes)
	t.taken++
}

// appendTo appends the samples to dst, the oldest first.
func (t *strain) appendTo(dst []QueueSample, now uint32) []QueueSample {
	for i := t.taken - min(t.taken, keptSamples); i < t.taken; i++ {
		at := i % keptSamples
		dst = append(dst, QueueSample{Ago: time.Duration(now-t.ticks[at]) * Tick, Bytes: int(t.bytes[at])})
	}
	return dst
}

// AppendSamples appends to dst how the backlog of a connection has grown and shrunk lately, the oldest sample first. There is none
// while the socket is not full.
func (s *Sender) AppendSamples(dst []QueueSample, slot uint32) []QueueSample {
	s.owner.assert()
	if back := s.conns.At(slot).backlog; back != 0 {
		return s.backlogs.at(back).strain.appendTo(dst, s.to.now())
	}
	return dst
}

// noteFilling notes, once an episode, that a connection beside whose full socket charge waits is over half its limit.
func (s *Sender) noteFilling(slot uint32, l *backlog, charge int) {
	if charge > s.limit/2 && !l.strain.told {
		l.strain.told = true
		s.notices.add(notice{kind: filling, slot: slot})
	}
}

// isFilling says whether what noteFilling has noted still holds, for a connection that takes frames.
func (s *Sender) isFilling(slot uint32) bool {
	c := s.conns.At(slot)
	return c.state&closedToFrames == 0 && c.backlog != 0 && s.backlogs.at(c.backlog).strain.told
}
