package netpoll

import "syscall"

// maxResend bounds what a connection's backlog is sent of, in bytes, before others get their turn.
const maxResend = 256 << 10

// hasRoom has flush go on with the backlog of a connection whose socket has room again. The poller may say so again until that
// is done; it counts once.
func (s *Sender) hasRoom(slot uint32) {
	c := s.conns.At(slot)
	if c.backlog == 0 {
		s.to.awaitRoom(slot, false)
		return
	}
	if l := s.backlogs.at(c.backlog); !l.room {
		l.room = true
		s.lists.push(slot, c, inBulk)
	}
}

// roomAgain sends of a backlog what the socket takes, within bounds. What is left waits for the next flush, or for room.
func (s *Sender) roomAgain(slot uint32) {
	c := s.conns.At(slot)
	if c.backlog == 0 {
		s.to.awaitRoom(slot, false)
		return
	}
	l := s.backlogs.at(c.backlog)
	l.room = false
	if c.state&failing != 0 {
		return
	}
	for left := maxResend; !l.empty(); {
		if left <= 0 {
			l.room = true
			s.lists.push(slot, c, inBulk)
			return
		}
		pieces := l.views(s.pieces[:], left)
		n, errno := s.to.write(slot, pieces)
		clear(pieces)
		switch {
		case n > 0:
			left -= n
			s.count.written += n
			l.advance(n, &s.pending.batches, &s.count)
			s.eases(c, l, n)
		case errno == syscall.EINTR:
		default:
			if errno != 0 && errno != syscall.EAGAIN {
				s.noteFailed(slot, errno)
			}
			return
		}
	}
	s.unblock(slot, c)
}

// unblock ends an empty backlog.
func (s *Sender) unblock(slot uint32, c *connQueue) {
	s.backlogs.put(c.backlog)
	c.backlog = 0
	s.to.awaitRoom(slot, false)
	s.noteDrained(slot, c)
}

// noteProgress notes that the peer lives: it has made room in a socket that was full. What an empty one takes proves nothing.
func (r *Reactor) noteProgress(s *slot, sent int) {
	if sent > 0 && s.is(awaitsRoom) {
		s.seen = r.now()
	}
}

// noteDrained notes that nothing is left to send, where that was asked for.
func (s *Sender) noteDrained(slot uint32, c *connQueue) {
	if c.state&wantsDrained != 0 && c.node == 0 && c.backlog == 0 {
		c.state &^= wantsDrained
		s.notices.add(notice{kind: drained, slot: slot})
	}
}

// isDrained says whether what noteDrained has noted still holds. If not, it is noted again when it does.
func (s *Sender) isDrained(slot uint32) bool {
	c := s.conns.At(slot)
	if c.node != 0 || c.backlog != 0 {
		c.state |= wantsDrained
		return false
	}
	return true
}

// noteFailed notes that a send has failed, once.
func (s *Sender) noteFailed(slot uint32, errno syscall.Errno) {
	s.conns.At(slot).state |= failing
	s.notices.add(notice{kind: sendFailed, slot: slot, errno: errno})
}
