package netpoll

import (
	"syscall"
	"time"
)

// NoSlot is the slot of no connection.
const NoSlot = ^uint32(0)

// maxPieces bounds in how many pieces one call hands bytes to a transport.
const maxPieces = 64

// transport is what a sender stands on: a Reactor, with Reactor.write and Reactor.awaitRoom, or a test that needs no socket.
type transport interface {
	// write hands pieces to the connection's socket, in order and in one call where that is possible, and says how many
	// bytes it took. Nothing taken and no error means that the socket is full, as EAGAIN does. It keeps no piece.
	write(slot uint32, pieces [][]byte) (int, syscall.Errno)
	// committed is how many of the bytes that are to be written next can't be taken back any more. The next write must begin with
	// the same ones.
	committed(slot uint32) int
	// awaitRoom has Sender.hasRoom called for the connection when its socket has room, or no longer.
	awaitRoom(slot uint32, wanted bool)
	// now is the coarse time in ticks.
	now() uint32
}

// Sender owns everything that the connections of one reactor still have to send: the frames that wait for the end of the
// turn (pending.go), the contiguous batches built of them (batch.go), what full sockets have not taken (backlog.go), what waits
// behind a gate (gate.go), the marks of who lags (lag.go), the two lists of connections to flush (sendlist.go) and the decision to flush now or to collect more (collect.go). It knows
// no descriptor: it writes through a transport, and it never calls the handler. What the handler must learn it notes as
// notices, which the reactor passes on once the handler's method or the task that caused them has returned.
//
// Owner: the reactor's goroutine. Its exported methods are for the handler and for tasks; none blocks, and all keep a
// frame's bytes only by a reference of their own.
//
// I1: what a connection is charged for its unsent frames, pending, backlog and gated together, never exceeds limit, but for SendLast.
// I2: a frame goes out whole or, where the connection ends, not at all or cut: never interleaved with another.
// I3: a connection that has pending frames stands in express or in bulk.
// I4: no frame is refused for what the sender itself holds back: what pends on a connection whose socket is not known to
// be full is flushed first, and a socket that was full is asked again.
// I5: Ledger.Matched = Delivered + HandedBack + Dropped[...] + what is queued, whenever no method is running.
type Sender struct {
	limit    int
	to       transport
	owner    *owner
	conns    Table[connQueue]
	pending  pendingTree
	backlogs backlogs
	lists    sendLists
	gates    gates
	// pieces is scratch for what a call hands to the transport.
	pieces  [maxPieces][]byte
	notices noticeList
	offer   offer
	count   sendCounters
}

// offer is what became of the frame that was queued last. It belongs to the Sender.
type offer struct {
	// refusals are the connections that have refused it, while it is being queued.
	refusals []uint32
	// ofType and ofTypeAndID are what Sender.Met returns.
	ofType, ofTypeAndID uint32
	lags                lags
}

func newSender(limit int, to transport, o *owner) Sender {
	return Sender{limit: limit, to: to, owner: o, pending: newPendingTree(min(maxHeavyBytes, limit/8), heavyQueues*limit)}
}

// open prepares slot for a new connection.
func (s *Sender) open(slot uint32) {
	s.conns.Extend(slot + 1)
	*s.conns.At(slot) = connQueue{}
}

// IsRefusing says whether the connection has refused a frame, or was made to.
func (s *Sender) IsRefusing(slot uint32) bool {
	s.owner.assert()
	return s.conns.At(slot).state&refusing != 0
}

// Refuse makes the connection refuse whatever Fanout and Send still bring it; it counts as DropOverflow.
func (s *Sender) Refuse(slot uint32) {
	s.owner.assert()
	s.conns.At(slot).state |= refusing
}

// NotifyDrained asks for one call of Handler.Drained when all that is queued on the connection is with the kernel.
func (s *Sender) NotifyDrained(slot uint32) {
	s.owner.assert()
	c := s.conns.At(slot)
	c.state |= wantsDrained
	if c.state&listed == 0 {
		s.lists.push(slot, c, inExpress)
	}
}

// Buffered is the number of bytes queued on a connection and not yet taken by the kernel.
func (s *Sender) Buffered(slot uint32) int {
	s.owner.assert()
	c := s.conns.At(slot)
	bytes := int(s.pending.nodes[c.node].bytes)
	if c.backlog != 0 {
		bytes += s.backlogs.at(c.backlog).bytes
	}
	if c.state&gated != 0 {
		bytes += s.gates.of[c].bytes
	}
	return bytes
}

// BlockedFor is how long ago, to the Tick, the connection's socket filled up and has not emptied since; 0 while it is not
// full.
func (s *Sender) BlockedFor(slot uint32) time.Duration {
	s.owner.assert()
	if back := s.conns.At(slot).backlog; back != 0 {
		return time.Duration(s.to.now()-s.backlogs.at(back).since) * Tick
	}
	return 0
}

// HeldBytes is the memory of all that waits to be sent, pending frames, backlogs and what is gated, with what is kept of each besides its
// bytes; what several connections share counts once.
func (s *Sender) HeldBytes() int {
	s.owner.assert()
	return s.pending.batches.held + s.pending.held + s.gates.held
}

// batchBytes is the memory of what a flush has left in backlogs.
func (s *Sender) batchBytes() int { return s.pending.batches.held }

// isHeavy says that so much is pending that no more may be read or run before it is flushed.
func (s *Sender) isHeavy() bool { return s.pending.isHeavy() }

// isListed says whether a list names the slot, which therefore may not be given to another connection yet.
func (s *Sender) isListed(slot uint32) bool { return s.conns.At(slot).state&listed != 0 }

// addTo adds what the sender has counted.
func (s *Sender) addTo(c *Counters) {
	c.Ledger = s.count.Ledger
	c.FullSockets = s.count.fullSockets
	c.QueuedBytes = uint64(s.HeldBytes())
	c.Blocked = uint64(s.backlogs.inUse)
}

// addQueued adds what is queued, which it reads from the queues and from no counter.
func (s *Sender) addQueued(c *Counters) {
	for slot := range s.conns.Len() {
		o := s.conns.At(slot)
		c.Queued += uint64(s.pending.nodes[o.node].counted)
		if o.backlog != 0 {
			c.Queued += uint64(s.backlogs.at(o.backlog).counted())
		}
		if o.state&gated != 0 {
			c.Queued += uint64(s.gates.of[o].counted)
		}
	}
}

// trim gives the memory of a spike back while nothing is pending.
func (s *Sender) trim() {
	s.pending.batches.trim()
	s.pending.trim()
	s.backlogs.trim()
	s.lists.trim()
	s.gates.trim()
	s.offer.lags.trim()
	s.notices.trim()
	if cap(s.offer.refusals) > largeList {
		s.offer.refusals = nil
	}
}

// shrink forgets the table of connections when none is left.
func (s *Sender) shrink() { s.conns.Reset() }
