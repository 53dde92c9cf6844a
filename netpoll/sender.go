package netpoll

import (
	"syscall"
	"time"
)

// NoSlot is the slot of no connection.
const NoSlot = ^uint32(0)

// transport is what a sender stands on: a Reactor, or a test that needs no socket.
type transport interface {
	// write hands pieces to the connection's socket, in order and in one call where that is possible, and says how many
	// bytes it took. Nothing taken and no error means that the socket is full, as EAGAIN does. It keeps no piece.
	write(slot uint32, pieces [][]byte) (int, syscall.Errno)
	// awaitRoom has Sender.roomAgain called for the connection when its socket has room, or no longer.
	awaitRoom(slot uint32, wanted bool)
	// now is the coarse time in ticks.
	now() uint32
}

// Sender owns everything that the connections of one reactor still have to send: the frames that wait for the end of the
// turn (pending.go), the contiguous batches built of them (batch.go), what full sockets have not taken (backlog.go), the
// two lists of connections to flush (sendlist.go) and the decision to flush now or to collect more (collect.go). It knows
// no descriptor: it writes through a transport, and it never calls the handler. What the handler must learn it notes as
// notices, which the reactor passes on once the handler's method or the task that caused them has returned.
//
// Owner: the reactor's goroutine. Its exported methods are for the handler and for tasks; none blocks, and all keep a
// frame's bytes only by a reference of their own.
//
// I1: a connection's unsent bytes, pending and backlog together, never exceed limit, but for SendLast.
// I2: a frame goes out whole or, where the connection ends, not at all or cut: never interleaved with another.
// I3: a connection that has pending frames stands in express or in bulk.
// I4: no frame is refused for what the sender itself holds back: what pends on a connection whose socket is not known to
// be full is flushed first.
// I5: Ledger.Matched = Delivered + HandedBack + Dropped[...] + what is queued, whenever no method is running.
type Sender struct {
	limit    int
	to       transport
	owner    *owner
	conns    Table[outgoing]
	pending  pendingTree
	backlogs backlogs
	lists    sendLists
	collect  collector
	// pieces is scratch for what a call hands to the transport.
	pieces  [maxPieces][]byte
	notices noticeList
	// refusals are the connections that have refused the frame that is being queued.
	refusals []uint32
	count    sendCounters
}

// outgoing is what the fan-out path touches of a connection: 12 bytes without pointers.
type outgoing struct {
	// node is where the connection's pending sequence ends in the pending tree; 0 when nothing is pending.
	node uint32
	// backlog is the number of its backlog; 0 unless the socket is full.
	backlog uint32
	state   sendState
}

// sendState is a set of flags of one connection.
type sendState uint8

const (
	// inExpress: the express list names the connection.
	inExpress sendState = 1 << iota
	// inBulk: the bulk list names it.
	inBulk
	// refusing: it takes no more frames but that of SendLast; all others are dropped and counted.
	refusing
	// refused: it has refused the frame that is being queued.
	refused
	// wantsDrained: the handler is to be told when nothing is left to send.
	wantsDrained
)

const listed = inExpress | inBulk

// noticeKind says what a notice is about.
type noticeKind uint8

const (
	// overflowed: a frame was refused, and the connection refuses from now on.
	overflowed noticeKind = iota
	// drained: all that was queued is with the transport.
	drained
	// sendFailed: the socket is broken.
	sendFailed
)

// notice is what the handler must learn of a connection: with overflowed, the bytes queued and those of the refused frame;
// with sendFailed, the error.
type notice struct {
	kind          noticeKind
	slot          uint32
	queued, frame int
	errno         syscall.Errno
}

// noticeList is what was noted and not yet passed on.
type noticeList struct {
	noted []notice
	// spare is the list before, empty, to be used again.
	spare []notice
}

func (l *noticeList) add(x notice) { l.noted = append(l.noted, x) }

// take returns what was noted; it is valid until the next take.
func (l *noticeList) take() []notice {
	taken := l.noted
	l.noted, l.spare = l.spare[:0], taken
	return taken
}

func newSender(limit int, to transport, o *owner) Sender {
	return Sender{limit: limit, to: to, owner: o, pending: newPendingTree(min(maxHeavyBytes, limit/4), heavyQueues*limit)}
}

// open prepares slot for a new connection.
func (s *Sender) open(slot uint32) {
	s.conns.Extend(slot + 1)
	*s.conns.At(slot) = outgoing{}
}

// Send queues f on one connection, under the same limit as Fanout. The caller keeps its reference.
func (s *Sender) Send(slot uint32, f *Frame) { s.Fanout(f, []uint32{slot}, nil, NoSlot) }

// IsRefusing says whether the connection has refused a frame, or was made to.
func (s *Sender) IsRefusing(slot uint32) bool { return s.conns.At(slot).state&refusing != 0 }

// SendLast queues f on one connection whatever its limit: for the frame behind which the connection ends. The caller
// keeps its reference.
func (s *Sender) SendLast(slot uint32, f *Frame) {
	s.owner.assert()
	if f.counted {
		s.count.Matched++
	}
	s.pending.beginFrame()
	c := s.conns.At(slot)
	to := s.pending.child(c.node, f)
	s.pending.move(c.node, to, 1)
	c.node = to
	s.lists.push(slot, c, inExpress)
}

// refuses decides on a connection that may be over its limit once it has pending bytes beside its backlog. What it
// refuses is counted, and the first time noted.
func (s *Sender) refuses(slot uint32, c *outgoing, pending int, f *Frame) bool {
	if c.state&refusing == 0 {
		queued := pending - len(f.bytes)
		if c.backlog != 0 {
			queued += s.backlogs.at(c.backlog).bytes
		}
		if queued+len(f.bytes) <= s.limit {
			return false
		}
		c.state |= refusing
		s.notices.add(notice{kind: overflowed, slot: slot, queued: queued, frame: len(f.bytes)})
	}
	if f.counted {
		s.count.Dropped[DropOverflow]++
	}
	c.state |= refused
	s.refusals = append(s.refusals, slot)
	return true
}

// forgetRefusals ends the queueing of a frame.
func (s *Sender) forgetRefusals() {
	for _, slot := range s.refusals {
		s.conns.At(slot).state &^= refused
	}
	s.refusals = s.refusals[:0]
}

// Refuse makes the connection refuse whatever Fanout and Send still bring it; it counts as DropOverflow.
func (s *Sender) Refuse(slot uint32) { s.conns.At(slot).state |= refusing }

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

// HeldBytes is the memory of all batches that wait to be sent; what several connections share counts once.
func (s *Sender) HeldBytes() int { return s.pending.batches.held }

// LongestBacklog is the connection whose full socket has the most waiting, NoSlot if there is none. Connections that
// refuse already are left out.
func (s *Sender) LongestBacklog() uint32 {
	s.owner.assert()
	longest, most := NoSlot, 0
	for slot := range s.conns.Len() {
		c := s.conns.At(slot)
		if c.backlog == 0 || c.state&refusing != 0 {
			continue
		}
		if bytes := s.backlogs.at(c.backlog).bytes; bytes > most {
			longest, most = slot, bytes
		}
	}
	return longest
}

// isHeavy says that so much is pending that no more may be read or run before it is flushed.
func (s *Sender) isHeavy() bool { return s.pending.isHeavy() }

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

// isListed says whether a list names the slot, which therefore may not be given to another connection yet.
func (s *Sender) isListed(slot uint32) bool { return s.conns.At(slot).state&listed != 0 }

func (s *Sender) dropPending(c *outgoing, why Reason) {
	s.count.Dropped[why] += uint64(s.pending.nodes[c.node].counted)
	s.clearPending(c)
}

// clearPending takes a connection's pending sequence away.
func (s *Sender) clearPending(c *outgoing) {
	if c.node != 0 {
		n := c.node
		c.node = 0
		s.pending.leave(n)
	}
}

func (s *Sender) freeBacklog(c *outgoing) {
	s.backlogs.at(c.backlog).drop(&s.pending.batches)
	s.backlogs.put(c.backlog)
	c.backlog = 0
}

// addTo adds what the sender has counted and what is queued, which it reads from the queues and from no counter.
func (s *Sender) addTo(c *Counters) {
	c.Ledger = s.count.Ledger
	c.FullSockets = s.count.fullSockets
	c.QueuedBytes = uint64(s.pending.batches.held)
	for slot := range s.conns.Len() {
		o := s.conns.At(slot)
		c.Queued += uint64(s.pending.nodes[o.node].counted)
		if o.backlog != 0 {
			c.Blocked++
			c.Queued += uint64(s.backlogs.at(o.backlog).counted())
		}
	}
}

// trim gives the memory of a spike back while nothing is pending.
func (s *Sender) trim() {
	s.pending.batches.trim()
	s.pending.trim()
	s.backlogs.trim()
	s.lists.trim()
}

// shrink forgets the table of connections when none is left.
func (s *Sender) shrink() { s.conns.Reset() }
