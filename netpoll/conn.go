package netpoll

import (
	"net"
)

// Conn returns the name by which other goroutines may speak of the connection in slot n.
func (r *Reactor) Conn(n uint32) Conn {
	r.owner.assert()
	return Conn{Slot: n, Gen: r.conns.table.At(n).gen}
}

// Holds says whether c is still open, and so whether its slot may be used.
func (r *Reactor) Holds(c Conn) bool {
	r.owner.assert()
	if c.Slot >= r.conns.table.Len() {
		return false
	}
	s := r.conns.table.At(c.Slot)
	return s.gen == c.Gen && s.is(inUse)
}

// OpenLink takes over conn, which may be any net.Conn, and starts reading from it. One of TLS over a TCP or Unix socket gets goroutines
// only while there is something to read or to write, if the engine can watch its socket; any other two as long as it lives. The slot is valid
// until Close or Release.
func (r *Reactor) OpenLink(conn net.Conn) uint32 {
	n := r.openSlot()
	s := r.conns.table.At(n)
	s.state |= linked
	r.links.bySlot[n] = newLink(r, Conn{Slot: n, Gen: s.gen}, Settled(conn))
	return n
}

// openSlot takes a slot for a new connection.
func (r *Reactor) openSlot() uint32 {
	r.owner.assert()
	n := r.conns.take()
	r.conns.table.At(n).seen = r.now()
	r.sender.open(n)
	return n
}

// Close ends a connection: what it has queued is dropped for why, and its socket is closed behind this turn. Its slot
// number is no longer valid.
func (r *Reactor) Close(n uint32, why Reason) {
	r.owner.assert()
	s := r.conns.table.At(n)
	r.sender.drop(n, why)
	if s.is(secured) {
		r.endSecured(n, s)
	}
	if s.is(linked) {
		l := r.links.bySlot[n]
		l.countWriting(0)
		l.countReading(0)
		r.links.retired = append(r.links.retired, l)
		delete(r.links.bySlot, n)
	} else {
		r.conns.retired.fds = append(r.conns.retired.fds, s.fd)
	}
	if s.is(listening) {
		r.listen.forget(n)
	}
	r.conns.retire(n)
}

// KeepSlot keeps the number of a connection from being given to another after this one has ended, until FreeSlot: for a
// handler whose own lists still name it then.
func (r *Reactor) KeepSlot(n uint32) {
	r.owner.assert()
	r.conns.table.At(n).state |= kept
}

// FreeSlot ends what KeepSlot began. The connection in slot n may have ended or not.
func (r *Reactor) FreeSlot(n uint32) {
	r.owner.assert()
	r.conns.free(n)
}

// maxCloses is how many descriptors one turn closes. A close costs some 5 us, and thousands may end at once.
const maxCloses = 64

// closeRetired closes the descriptors of ended connections, as many as fit into a turn, and frees their slots, when no batch of
// readiness names them.
func (r *Reactor) closeRetired() {
	ended := &r.conns.retired
	closing := ended.fds[:min(len(ended.fds), maxCloses)]
	for _, fd := range closing {
		r.poller.retire(fd)
		closeDescriptor(fd)
	}
	if len(closing) > 0 {
		r.retryAccept()
	}
	ended.fds = append(ended.fds[:0], ended.fds[len(closing):]...)
	r.turns.again = r.turns.again || len(ended.fds) > 0
	for _, l := range r.links.retired {
		l.close()
	}
	clear(r.links.retired)
	r.links.retired = r.links.retired[:0]
	if len(ended.slots) == 0 {
		return
	}
	r.conns.recycle(&r.sender)
	if r.conns.isLargeAndEmpty() {
		r.conns.shrink()
		r.sender.shrink()
	}
}

// ShutdownWrite tells the peer that nothing more will be sent. Queued bytes must have been drained.
func (r *Reactor) ShutdownWrite(n uint32) {
	r.owner.assert()
	s := r.conns.table.At(n)
	if s.is(secured) {
		r.shutdownSecured(n, s)
		return
	}
	r.shutdownRaw(n, s)
}

func (r *Reactor) shutdownRaw(n uint32, s *slot) {
	if s.is(linked) {
		r.links.bySlot[n].shutdownWrite()
		return
	}
	shutdownWrite(s.fd)
}
