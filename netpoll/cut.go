package netpoll

// Cut drops what is queued on a connection but for the rest of a frame that is half sent.
func (s *Sender) Cut(slot uint32, why Reason) {
	s.owner.assert()
	c := s.conns.At(slot)
	s.dropPending(c, why)
	if c.backlog == 0 {
		return
	}
	b := s.backlogs.at(c.backlog)
	s.count.Dropped[why] += uint64(b.cut(&s.pending.batches))
	if b.empty() {
		s.unblock(slot, c)
	}
}

// drop ends a connection's queue: all that is left in it is dropped for why. The lists may name the slot a little longer.
func (s *Sender) drop(slot uint32, why Reason) {
	c := s.conns.At(slot)
	s.dropPending(c, why)
	if c.backlog != 0 {
		b := s.backlogs.at(c.backlog)
		s.count.Dropped[why] += uint64(b.counted())
		s.freeBacklog(c)
	}
	c.state &= listed
}

// handBack ends a connection's queue and returns a copy of its bytes. All of it counts as handed back.
func (s *Sender) handBack(slot uint32) (rest []byte) {
	c := s.conns.At(slot)
	if c.backlog != 0 {
		b := s.backlogs.at(c.backlog)
		s.count.HandedBack += uint64(b.counted())
		rest = b.appendTo(rest)
		s.freeBacklog(c)
	}
	if c.node != 0 {
		s.count.HandedBack += uint64(s.pending.nodes[c.node].counted)
		rest = append(rest, s.pending.batch(c.node).bytes...)
		s.clearPending(c)
	}
	c.state &= listed
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
