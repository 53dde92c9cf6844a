package netpoll

// maxSampled is about how many batches of a backlog heldBy looks at.
const maxSampled = 4

// HeldBytes is the memory of all that waits to be sent: what the Sender holds, and what the writers of connections without a
// descriptor have in hand. What several connections share counts once.
func (r *Reactor) HeldBytes() int { return r.sender.HeldBytes() + r.links.writing }

// TLSBytes is the memory of what TLS holds besides what an idle connection takes: handshakes, records that sockets have not taken, the
// buffers of connections whose peers have sent long records, and the readers of connections of TLS that were made elsewhere.
func (r *Reactor) TLSBytes() int { return r.secured.held + r.links.reading }

// HeldBy is about how much of HeldBytes and TLSBytes a connection takes: of what it shares, its share.
func (r *Reactor) HeldBy(n uint32) int {
	r.owner.assert()
	held := r.sender.heldBy(n)
	if r.conns.table.At(n).is(linked) {
		l := r.links.bySlot[n]
		held += l.in.held + l.out.held
	}
	if r.conns.table.At(n).is(secured) {
		held += int((*r.secured.bySlot.At(n)).held)
	}
	return held
}

func (s *Sender) heldBy(slot uint32) int {
	c := s.conns.At(slot)
	held := 0
	if c.node != 0 {
		d := &s.pending.nodes[c.node]
		held = (int(d.bytes) + nodeOverhead*int(d.frames)) / int(max(d.members, 1))
	}
	if c.backlog != 0 {
		held += s.backlogs.at(c.backlog).share()
	}
	if c.state&gated != 0 {
		held += s.gates.share(s.gates.of[c])
	}
	return held
}

// share estimates the memory of the backlog's batches, of each the share of one of those that have it.
func (l *backlog) share() int {
	waiting := l.batches[l.first:]
	sampled, memory := 0, 0
	for i := 0; i < len(waiting); i += max(len(waiting)/maxSampled, 1) {
		b := waiting[i]
		memory += b.memory() / int(max(b.refs, 1))
		if b.whole != nil {
			memory += b.whole.memory() / int(max(b.whole.refs, 1))
		}
		sampled++
	}
	return memory * len(waiting) / max(sampled, 1)
}

// countWriting notes how much a link's writer has in hand.
func (l *link) countWriting(held int) {
	l.reactor.links.writing += held - l.out.held
	l.out.held = held
}

// countReading notes how much a link's reader takes that runs only now and then.
func (l *link) countReading(held int) {
	l.reactor.links.reading += held - l.in.held
	l.in.held = held
}
