package netpoll

import (
	"io"
	"os"
	"syscall"
)

// ready is called by the poller for a descriptor that is ready, and finds by its token the connection that it was
// registered for.
func (r *Reactor) ready(token Conn, what readiness) {
	if r.turns.idle {
		r.endIdle()
	}
	if !r.Holds(token) {
		return
	}
	n := token.Slot
	if r.conns.table.At(n).is(listening) {
		r.accept(n)
		return
	}
	if what&writable != 0 && r.conns.table.At(n).is(awaitsRoom) {
		r.sender.roomAgain(n)
		r.passOnNotices()
		if !r.Holds(token) {
			return
		}
	}
	s := r.conns.table.At(n)
	if s.is(paused) {
		if what&broken != 0 && !s.is(awaitsRoom) {
			r.unwatch(s)
		}
		return
	}
	if what&readable != 0 && !r.sender.isHeavy() {
		r.read(n)
	}
}

// maxReads is how often one connection is read before the others get their turn.
const maxReads = 4

// read receives what a connection has sent: again where it filled the buffer, as a long message does.
func (r *Reactor) read(n uint32) {
	token := r.Conn(n)
	for range maxReads {
		if !r.readOnce(n) || !r.Holds(token) || r.conns.table.At(n).is(paused) {
			return
		}
	}
}

// readOnce receives once from a connection, behind all tasks that were posted before. It says whether that filled the
// buffer.
func (r *Reactor) readOnce(n uint32) (full bool) {
	if !r.Idle() {
		token := r.Conn(n)
		r.runTasks()
		if r.sender.isHeavy() || !r.Holds(token) || r.conns.table.At(n).is(paused) {
			return false
		}
	}
	s := r.conns.table.At(n)
	if s.is(linked) {
		return false
	}
	r.sockets.Reads++
	m, errno := sysRecv(s.fd, r.sockets.buffer)
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
	case errno != 0:
		r.notifyHangup(n, os.NewSyscallError("recv", errno))
	case m == 0:
		r.notifyHangup(n, io.EOF)
	default:
		r.input(n, r.sockets.buffer[:m])
	}
	return m == len(r.sockets.buffer)
}

// input hands what a connection has sent to the handler.
func (r *Reactor) input(n uint32, view []byte) {
	r.conns.table.At(n).seen = r.wheel.now
	r.sockets.BytesIn += uint64(len(view))
	r.notifyInput(n, view)
	r.passOnNotices()
}

func (r *Reactor) notifyInput(n uint32, view []byte) {
	defer r.guard(n)
	r.cfg.Handler.Input(n, view)
}

// ReadSoon reads in this turn what the connection has already sent, without waiting for readiness: right after accept
// there often is something.
func (r *Reactor) ReadSoon(n uint32) { r.turns.fresh = append(r.turns.fresh, r.Conn(n)) }

func (r *Reactor) readFresh() {
	for i := 0; i < len(r.turns.fresh); i++ {
		if c := r.turns.fresh[i]; r.Holds(c) && !r.conns.table.At(c.Slot).is(paused) {
			r.read(c.Slot)
		}
	}
	r.turns.fresh = r.turns.fresh[:0]
}
