package netpoll

// frameOverhead is what each queued frame behind the first counts for besides its bytes: less than it takes (a node and a
// Frame while it is pending, an end in a batch of a backlog), and enough that a queue of tiny frames takes no more memory
// than one of long frames. The first is free, so that a single frame of just the limit fits into an empty queue.
const frameOverhead = 64

// charge is what a connection's unsent frames count for against its limit.
func (s *Sender) charge(c *connQueue) int {
	return s.chargeBehind(c, s.pendingCharge(c))
}

// pendingCharge is the charge of what is pending on a connection.
func (s *Sender) pendingCharge(c *connQueue) int { return int(s.pending.nodes[c.node].charge) }

// chargeBehind is the charge of a connection with a pending sequence of that charge behind its backlog, and its gate behind that.
func (s *Sender) chargeBehind(c *connQueue, pending int) int {
	if c.backlog != 0 {
		pending = behind(s.backlogs.at(c.backlog).charge(), pending)
	}
	if c.state&gated != 0 {
		pending = behind(pending, s.gates.of[c].charge())
	}
	return pending
}

// behind is the charge of frames behind others, from the charges of both.
func behind(first, then int) int {
	if first > 0 && then > 0 {
		return first + frameOverhead + then
	}
	return first + then
}

// Charge is Buffered with what each queued frame counts for besides its bytes: what is held against the limit.
func (s *Sender) Charge(slot uint32) int {
	s.owner.assert()
	return s.charge(s.conns.At(slot))
}
