package netpoll

// HasRoom says whether the connection's socket may take more: it is not known to be full. If what pends on the connection and
// size more exceed bound, what pends is offered to the socket first. So a caller that asks before each answer never queues much
// more than bound bytes for a peer that does not read, and withholds nothing from one that does.
func (s *Sender) HasRoom(slot uint32, size, bound int) bool {
	s.owner.assert()
	c := s.conns.At(slot)
	if c.backlog == 0 && c.node != 0 && int(s.pending.nodes[c.node].bytes)+size > bound {
		s.flushOne(slot)
	}
	return c.backlog == 0
}
