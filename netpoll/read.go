package netpoll

import (
	"io"
	"os"
	"syscall"
)

// ready is called by the poller for a descriptor that is ready, and finds by its token the connection that it was
// registered for. What is light is read at once. What is bulk, and what is left when that has taken a slice of time, waits
// in the intake: epoll reports those that stay ready in the same order every time, so else the last might never be read. One
// whose socket has room is only listed, for flush.
func (r *Reactor) ready(token Conn, what readiness) {
	if !r.turns.begun {
		r.beginTurn()
	}
	if !r.Holds(token) {
		return
	}
	n := token.Slot
	s := r.conns.table.At(n)
	if what&writable != 0 && s.is(awaitsRoom) {
		r.sender.hasRoom(n)
	}
	if s.is(paused) {
		if what&broken != 0 && !s.is(awaitsRoom) {
			r.unwatch(s)
		}
		return
	}
	switch {
	case what&readable == 0 || s.is(toRead):
	case s.is(bulk) || r.stint.over || !r.mayRead():
		r.intake.add(n, r.conns.table.At(n))
	case r.Holds(token) && !r.conns.table.At(n).is(paused):
		r.readLight(n)
	}
}

// mayRead runs the tasks that were posted before, and says whether a connection may be read then.
func (r *Reactor) mayRead() bool {
	if r.Idle() {
		return true
	}
	r.runTasks()
	return !r.sender.isHeavy()
}

// readOnce receives at most limit bytes once from a connection that mayRead lets it read, and says how many.
func (r *Reactor) readOnce(n uint32, limit int) int {
	s := r.conns.table.At(n)
	if s.is(linked) {
		return r.links.bySlot[n].consume(r)
	}
	r.sockets.Reads++
	m, errno := sysRecv(s.fd, r.sockets.buffer[:limit])
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
		m = 0
	case errno != 0:
		m = 0
		r.notifyHangup(n, os.NewSyscallError("recv", errno))
	case m == 0:
		r.notifyHangup(n, io.EOF)
	default:
		r.input(n, r.sockets.buffer[:m])
	}
	r.spend(callWork)
	return m
}

// input hands what a connection has sent to the handler.
func (r *Reactor) input(n uint32, view []byte) {
	r.conns.table.At(n).seen = r.now()
	r.sockets.BytesIn += uint64(len(view))
	matched := r.sender.count.Matched
	r.notifyInput(n, view)
	r.passOnNotices()
	r.spend(len(view) + memberWork*int(r.sender.count.Matched-matched))
}

func (r *Reactor) notifyInput(n uint32, view []byte) {
	defer r.guard(n)
	r.cfg.Handler.Input(n, view)
}
