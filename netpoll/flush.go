package netpoll

import (
	"syscall"
	"time"
)

const (
	// expressRun and bulkRun are how many connections of each list are flushed before the other's turn comes.
	expressRun = 64
	bulkRun    = 16
	// maxWrite bounds what one call hands to a socket, in bytes, and is how many a run sends at most before the next
	// connection must wait.
	maxWrite = 512 << 10
)

// hasWork says whether some connection is to be flushed.
func (s *Sender) hasWork() bool { return !s.lists.empty() }

// isCollecting says that the reactor should look for more before it flushes. A limit that is not positive turns it off.
func (s *Sender) isCollecting(limit time.Duration) bool {
	if limit <= 0 || s.isHeavy() {
		s.lists.collect.stop()
		return false
	}
	return s.lists.collect.goesOn(s.count.Matched, limit)
}

// flush sends for about a slice of time: small fan-outs first, but never only them. It returns the moment at which it ended.
func (s *Sender) flush(slice time.Duration) (now time.Duration) {
	started := Moment()
	now = started
	for s.hasWork() {
		s.flushList(&s.lists.express, inExpress, expressRun)
		s.flushList(&s.lists.bulk, inBulk, bulkRun)
		now = Moment()
		s.count.departures.settle(now)
		if now-started >= slice {
			return now
		}
	}
	return now
}

func (s *Sender) flushList(list *sendList, mark sendState, run int) {
	s.count.written = 0
	for i := 0; i < run && s.count.written < maxWrite && !list.empty(); i++ {
		slot := list.pop()
		s.conns.At(slot).state &^= mark
		s.flushOne(slot)
	}
}

// flushOne sends what is pending on one connection, in one call where its socket has room. What a full socket does not
// take becomes its backlog, and what comes while it has one waits behind that. A backlog whose socket has room again goes on. What
// comes behind a send that has failed is dropped: the handler, which is yet to be told, closes the connection.
func (s *Sender) flushOne(slot uint32) {
	c := s.conns.At(slot)
	if c.state&failing != 0 {
		s.dropPending(c, DropClosed)
		return
	}
	if c.backlog != 0 && s.backlogs.at(c.backlog).room {
		s.roomAgain(slot)
	}
	node := c.node
	if node == 0 {
		s.noteDrained(slot, c)
		return
	}
	c.node = 0
	b := s.pending.batch(node)
	if c.backlog != 0 {
		s.postpone(c, b, s.pending.isAlone(node))
		s.pending.leave(node)
		return
	}
	sent, errno := s.writeAll(slot, b.bytes)
	switch {
	case sent == len(b.bytes):
		s.count.delivered(b.oldest, int(s.pending.nodes[node].counted))
	case errno == 0 || errno == syscall.EAGAIN:
		s.block(slot, c, b, sent)
	default:
		dropped := b.countedFrom(sent)
		s.count.Dropped[DropClosed] += uint64(dropped)
		s.count.delivered(b.oldest, int(s.pending.nodes[node].counted)-dropped)
		s.pending.leave(node)
		s.noteFailed(slot, errno)
		return
	}
	s.pending.leave(node)
	s.noteDrained(slot, c)
}

// writeAll hands view to the transport until that takes no more. sent is valid with any errno.
func (s *Sender) writeAll(slot uint32, view []byte) (sent int, errno syscall.Errno) {
	for sent < len(view) {
		s.pieces[0] = view[sent:min(len(view), sent+maxWrite)]
		n, errno := s.to.write(slot, s.pieces[:1])
		s.pieces[0] = nil
		sent += n
		s.count.written += n
		if n == 0 && errno != syscall.EINTR {
			return sent, errno
		}
	}
	return sent, 0
}

// block begins the backlog of a connection whose socket is full, with the rest of b.
func (s *Sender) block(slot uint32, c *connQueue, b *batch, sent int) {
	s.count.fullSockets++
	c.backlog = s.backlogs.get(s.to.now())
	l := s.backlogs.at(c.backlog)
	b.refs++
	l.push(b, &s.pending.batches)
	l.advance(sent, &s.pending.batches, &s.count)
	l.strain.note(s.to.now(), l.bytes)
	if s.isCrowded(c) {
		l.crowded.begin(s.to.now())
		s.noteFilling(slot, l, s.charge(c))
	}
	s.to.awaitRoom(slot, true)
}

// postpone has b wait behind what the socket has not taken yet.
func (s *Sender) postpone(c *connQueue, b *batch, alone bool) {
	l := s.backlogs.at(c.backlog)
	if alone {
		l.appendCopy(b, &s.pending.batches)
	} else {
		b.refs++
		l.push(b, &s.pending.batches)
	}
	l.strain.note(s.to.now(), l.bytes)
}
