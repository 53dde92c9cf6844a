package netpoll

import "time"

// crowding is what a backlog knows of how its connection keeps up. It belongs to the Sender.
//
// A connection is crowded from the moment at which it is charged with more than crowdedEighths of its limit, beside a full
// socket, until that is down to calmEighths. It is congested while it is crowded and worth waiting for: while its socket has
// taken bytes within freshTicks, and no more than patienceTicks have passed since it became crowded. So a reader that stalls
// is waited for very shortly, and one that is merely slow not for long, but one behind a burst has the time to get through it.
type crowding struct {
	// moved is the tick at which the socket last took bytes.
	moved uint32
	// since is the tick at which the connection became crowded.
	since uint32
	// is says that it is crowded.
	is bool
	// took is how many bytes the socket has taken since.
	took int
}

const (
	crowdedEighths = 3
	calmEighths    = 2
	freshTicks     = uint32(time.Second / Tick)
	patienceTicks  = uint32(5 * time.Second / Tick)
)

// Met is for the frame that Fanout or Send was given last: a congested connection among those that took it, by the list
// that named it, or NoSlot. More than one may be.
func (s *Sender) Met() (ofType, ofTypeAndID uint32) {
	s.owner.assert()
	return s.offer.ofType, s.offer.ofTypeAndID
}

// IsCongested says whether the connection is behind a burst: its queue is past three eighths of the limit, and its socket has yet
// to be offered that, or is full and goes on taking bytes. That is over when the queue is down to a quarter of the limit, when
// the socket has taken nothing for a second, or after five seconds. One that is gated is not: what waits there says nothing
// about how it reads.
func (s *Sender) IsCongested(slot uint32) bool {
	s.owner.assert()
	return slot < s.conns.Len() && s.conns.At(slot).state&gated == 0 && s.isCongested(s.conns.At(slot))
}

// IsBehind is IsCongested of a gated connection, too: for who sends to it alone, and so ahead of the gate.
func (s *Sender) IsBehind(slot uint32) bool {
	s.owner.assert()
	return slot < s.conns.Len() && s.isCongested(s.conns.At(slot))
}

func (s *Sender) isCongested(c *connQueue) bool {
	if c.state&closedToFrames != 0 {
		return false
	}
	if c.backlog == 0 {
		return s.isCrowded(c)
	}
	l, now := &s.backlogs.at(c.backlog).crowded, s.to.now()
	return l.is && now-l.moved <= freshTicks && now-l.since <= patienceTicks
}

// stuckShare: one part in so many of the limit is what a connection must take while it is crowded, to show that it reads.
// The kernel takes a little now and then for one that has stalled.
const stuckShare = 8

// IsStuck says of a congested connection that its socket has hardly taken anything since it became so: its peer may be behind
// a burst, but it may have stalled as well.
func (s *Sender) IsStuck(slot uint32) bool {
	s.owner.assert()
	if slot >= s.conns.Len() {
		return false
	}
	back := s.conns.At(slot).backlog
	return back != 0 && s.backlogs.at(back).crowded.took < s.limit/stuckShare
}

// crowds looks at a connection that takes a frame, behind which pending is charged to it, and says whether it is congested.
func (s *Sender) crowds(slot uint32, c *connQueue, pending int) bool {
	if c.backlog == 0 {
		return false
	}
	if charge := s.chargeBehind(c, pending); charge > s.limit/8*crowdedEighths {
		l := s.backlogs.at(c.backlog)
		l.crowded.begin(s.to.now())
		s.noteFilling(slot, l, charge)
	}
	return s.isCongested(c)
}

// isCrowded says whether a connection is charged with more than crowdedEighths of its limit.
func (s *Sender) isCrowded(c *connQueue) bool { return s.charge(c) > s.limit/8*crowdedEighths }

// begin notes that a connection is crowded, unless it has been before.
func (l *crowding) begin(now uint32) {
	if !l.is {
		l.is, l.since, l.took = true, now, 0
	}
}

// eases notes that a connection's socket has taken so many bytes of its backlog.
func (s *Sender) eases(c *connQueue, l *backlog, taken int) {
	l.crowded.moved = s.to.now()
	l.crowded.took += taken
	l.strain.note(l.crowded.moved, l.bytes)
	if l.crowded.is && s.charge(c) <= s.limit/8*calmEighths {
		l.crowded.is = false
		l.strain.told = false
	}
}
