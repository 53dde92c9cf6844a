package netpoll

import (
	"io"
	"syscall"
	"time"
)

const (
	expressRun   = 64
	bulkRun      = 16
	largestWrite = 512 << 10
)

func (r *Reactor) pending() bool { return !r.express.empty() || !r.bulk.empty() }

// flush sends for about a slice: small fan-outs first, but never only them.
func (r *Reactor) flush() {
	started := time.Now()
	for r.pending() {
		for i := 0; i < expressRun && !r.express.empty(); i++ {
			r.flushOne(r.express.pop(), inExpress)
		}
		for i := 0; i < bulkRun && !r.bulk.empty(); i++ {
			r.flushOne(r.bulk.pop(), inBulk)
		}
		if time.Since(started) >= r.cfg.Slice {
			return
		}
	}
}

func (r *Reactor) flushOne(n uint32, listing flags) {
	s := r.slots.table.At(n)
	s.flags &^= listing
	if s.head == 0 {
		if s.flags&(tellDrained|inUse) == tellDrained|inUse && s.back == 0 {
			r.drained(n, s)
		}
		return
	}
	head := s.head
	s.head = 0
	b := r.log.batch(head)
	if s.back != 0 {
		r.postpone(&r.backlogs.all[s.back], b, r.log.alone(head))
		r.log.leave(head)
		return
	}
	sent, errno := r.write(n, s, b.bytes)
	switch {
	case sent == len(b.bytes):
		r.count.Delivered += uint64(r.log.nodes[head].counted)
		r.log.leave(head)
		if s.flags&tellDrained != 0 {
			r.drained(n, s)
		}
	case errno == 0 || errno == syscall.EAGAIN:
		b.refs++
		r.block(n, s, b, sent)
		r.log.leave(head)
	default:
		dropped := uint64(b.countedFrom(sent))
		r.count.Dropped[DropClosed] += dropped
		r.count.Delivered += uint64(r.log.nodes[head].counted) - dropped
		r.log.leave(head)
		r.tellHangup(n, sendError(errno))
	}
}

// postpone lets a batch wait behind what a full socket has not taken yet.
func (r *Reactor) postpone(g *backlog, b *batch, alone bool) {
	if alone {
		g.append(b, &r.log.batches)
		return
	}
	b.refs++
	g.push(b)
}

// write hands bytes to the socket until it is full. sent is valid with any errno.
func (r *Reactor) write(n uint32, s *slot, view []byte) (sent int, errno syscall.Errno) {
	if s.flags&linked != 0 {
		return r.links[n].write(view), 0
	}
	for sent < len(view) {
		m, errno := sysSend(s.fd, view[sent:min(len(view), sent+largestWrite)])
		r.count.Sends++
		switch errno {
		case 0:
			sent += m
			r.count.BytesOut += uint64(m)
			if defectTrustsWrite {
				return len(view), 0
			}
		case syscall.EINTR:
		default:
			return sent, errno
		}
	}
	return sent, 0
}

func (r *Reactor) block(n uint32, s *slot, b *batch, sent int) {
	r.count.FullSockets++
	s.back = r.backlogs.get(r.wheel.now)
	g := &r.backlogs.all[s.back]
	g.push(b)
	r.count.Delivered += uint64(g.advance(sent, &r.log.batches))
	if !defectNeverArms {
		r.arm(n, s)
	}
}

func (r *Reactor) unblock(n uint32, s *slot) {
	r.backlogs.put(s.back)
	s.back = 0
	r.disarm(n, s)
	if s.flags&tellDrained != 0 && s.flags&listed == 0 {
		s.flags |= inExpress
		r.express.push(n)
	}
}

// resend goes on with a connection whose socket has room again.
func (r *Reactor) resend(n uint32) {
	s := r.slots.table.At(n)
	if s.back == 0 {
		r.disarm(n, s)
		return
	}
	g := &r.backlogs.all[s.back]
	for !g.empty() {
		sent, errno := r.writeBacklog(n, s, g)
		if sent > 0 {
			r.count.Delivered += uint64(g.advance(sent, &r.log.batches))
			continue
		}
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 && errno != syscall.EAGAIN {
			r.tellHangup(n, sendError(errno))
		}
		return
	}
	r.unblock(n, s)
}

func (r *Reactor) drained(n uint32, s *slot) {
	if s.flags&linked != 0 && r.links[n].busy {
		return
	}
	s.flags &^= tellDrained
	r.tellDrained(n)
}

// TellDrained asks for one call of Handler.Drained when all that is queued on the connection is with the kernel.
func (r *Reactor) TellDrained(n uint32) {
	s := r.slots.table.At(n)
	s.flags |= tellDrained
	if s.flags&listed == 0 {
		s.flags |= inExpress
		r.express.push(n)
	}
}

func (r *Reactor) read(n uint32) {
	s := r.slots.table.At(n)
	if s.flags&linked != 0 {
		return
	}
	if !r.Idle() {
		token := r.Conn(n)
		r.runTasks()
		if r.log.isHeavy() || !r.Holds(token) || r.slots.table.At(n).flags&paused != 0 {
			return
		}
		s = r.slots.table.At(n)
	}
	r.count.Reads++
	m, errno := sysRecv(s.fd, r.buffer)
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR && !defectEndsOnInterrupt:
	case errno != 0:
		r.tellHangup(n, receiveError(errno))
	case m == 0:
		r.tellHangup(n, io.EOF)
	default:
		r.input(n, s, r.buffer[:m])
	}
}

func (r *Reactor) input(n uint32, s *slot, view []byte) {
	s.seen = r.wheel.now
	r.count.BytesIn += uint64(len(view))
	r.tellInput(n, view)
}
