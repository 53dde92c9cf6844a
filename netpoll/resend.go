package netpoll

import "syscall"

// roomAgain goes on with the backlog of a connection whose socket has room again.
func (s *Sender) roomAgain(slot uint32) {
	c := s.conns.At(slot)
	if c.backlog == 0 {
		s.to.awaitRoom(slot, false)
		return
	}
	l := s.backlogs.at(c.backlog)
	for !l.empty() {
		pieces := l.views(s.pieces[:], maxWrite)
		n, errno := s.to.write(slot, pieces)
		clear(pieces)
		switch {
		case n > 0:
			s.count.Delivered += uint64(l.advance(n, &s.pending.batches))
			s.eases(c, l)
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

func (s *Sender) noteFailed(slot uint32, errno syscall.Errno) {
	s.notices.add(notice{kind: sendFailed, slot: slot, errno: errno})
}
