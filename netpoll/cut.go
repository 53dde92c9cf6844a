package netpoll

// Cut drops what is queued on a connection but for the rest of a frame that is half sent, or sealed in part or whole, and, on one that has
// left, the frame of SendLast.
func (s *Sender) Cut(slot uint32, why Reason) {
	s.owner.assert()
	c := s.conns.At(slot)
	last := s.lastFrame(slot, c)
	s.dropGated(c, why)
	s.dropPending(c, why)
	if c.backlog != 0 {
		b := s.backlogs.at(c.backlog)
		if committed := s.to.committed(slot); committed > 0 {
			s.count.Dropped[why] += uint64(b.cutBehind(committed, &s.pending.batches))
		} else {
			s.count.Dropped[why] += uint64(b.cut(&s.pending.batches))
		}
		if b.empty() {
			s.unblock(slot, c)
		}
	}
	if last != nil {
		s.SendLast(slot, last)
		last.Release()
	}
}

// lastFrame returns the frame of SendLast, or a copy of it, with a reference for the caller; nil if there is none, or a part
// of it is sent.
func (s *Sender) lastFrame(slot uint32, c *connQueue) *Frame {
	if c.state&hasLast == 0 {
		return nil
	}
	if c.node != 0 {
		f := s.pending.nodes[c.node].frame
		f.Retain(1)
		return f
	}
	if c.backlog != 0 {
		return s.backlogs.at(c.backlog).lastFrame(s.to.committed(slot))
	}
	return nil
}

// Leave takes a connection out of what is sent to many, though lists of members may name it a while longer: from now on it
// gets only what it has queued and the frame of SendLast. Whatever Fanout and Send bring is not for it, and is not counted.
func (s *Sender) Leave(slot uint32) {
	s.owner.assert()
	s.conns.At(slot).state |= hasLeft
}

// drop ends a connection's queue: all that is left in it is dropped for why. The sender's lists, and lists of members, may name
// the slot a little longer.
func (s *Sender) drop(slot uint32, why Reason) {
	c := s.conns.At(slot)
	s.dropGated(c, why)
	s.gates.remove(c)
	s.dropPending(c, why)
	if c.backlog != 0 {
		b := s.backlogs.at(c.backlog)
		s.count.Dropped[why] += uint64(b.counted())
		s.freeBacklog(c)
	}
	c.state = c.state&listed | hasLeft
}

// handBack ends a connection's queue and returns a copy of its bytes, but for those that are sealed already. All of it counts as handed back.
func (s *Sender) handBack(slot uint32) (rest []byte) {
	c := s.conns.At(slot)
	if c.backlog != 0 {
		b := s.backlogs.at(c.backlog)
		s.count.HandedBack += uint64(b.counted())
		rest = b.appendTo(rest)[s.to.committed(slot):]
		s.freeBacklog(c)
	}
	if c.node != 0 {
		s.count.HandedBack += uint64(s.pending.nodes[c.node].counted)
		rest = append(rest, s.pending.batch(c.node).bytes...)
		s.clearPending(c)
	}
	if g := s.gates.remove(c); g != nil {
		s.count.HandedBack += uint64(g.counted)
		for _, f := range g.frames {
			rest = append(rest, f.bytes...)
		}
		s.gates.empty(g)
	}
	c.state = c.state&listed | hasLeft
	return rest
}

func (s *Sender) dropPending(c *connQueue, why Reason) {
	s.count.Dropped[why] += uint64(s.pending.nodes[c.node].counted)
	s.clearPending(c)
}

// clearPending takes a connection's pending sequence away.
func (s *Sender) clearPending(c *connQueue) {
	if c.node != 0 {
		n := c.node
		c.node = 0
		s.pending.leave(n)
	}
}

func (s *Sender) freeBacklog(c *connQueue) {
	s.backlogs.at(c.backlog).drop(&s.pending.batches)
	s.backlogs.put(c.backlog)
	c.backlog = 0
}
