package netpoll

// frameOverhead is what each queued frame behind the first counts for besides its bytes: less than it takes (a node and a
// Frame while it is pending, an end in a batch of a backlog), and enough that a queue of tiny frames takes no more memory
// than one of long frames. The first is free, so that a single frame of just the limit fits into an empty queue.
const frameOverhead = 64

// charge is what a connection's unsent frames count for against its limit.
func (s *Sender) charge(c *connQueue) int {
	return s.chargeBehind(c, int(s.pending.nodes[c.node].charge))
}

// chargeBehind is the charge of a connection with a pending sequence of that charge behind its backlog.
func (s *Sender) chargeBehind(c *connQueue, pending int) int {
	if c.backlog == 0 {
		return pending
	}
	if pending > 0 {
		pending += frameOverhead
	}
	return s.backlogs.at(c.backlog).charge() + pending
}

// Charge is Buffered with what each queued frame counts for besides its bytes: what is held against the limit.
func (s *Sender) Charge(slot uint32) int {
	s.owner.assert()
	return s.charge(s.conns.At(slot))
}
