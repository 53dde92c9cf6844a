package netpoll

import (
	"io"
	"os"
	"syscall"
)

// ready is called by the poller for a descriptor that is ready, and finds by its token the connection that it was
// registered for. What is light is read at once. What is bulk, and what is left when that has taken a slice of time, waits
// in the intake: epoll reports those that stay ready in the same order every time, and without a queue the last might never be
// read. A connection whose socket has room is only listed, for flush.
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
		r.roomAgain(n)
	}
	if s.state&(paused|linked) != 0 {
		r.readyAside(n, s, what)
		return
	}
	switch {
	case what&readable == 0 || s.is(toRead):
	case s.is(bulk) || r.turns.stint.over || !r.sockets.intake.light.empty() || !r.mayRead():
		r.sockets.intake.add(n, r.conns.table.At(n))
	case r.Holds(token) && !r.conns.table.At(n).is(paused):
		r.readLight(n)
	}
}

// readyAside is ready for a connection that is not to be read now, or whose link reads it.
func (r *Reactor) readyAside(n uint32, s *slot, what readiness) {
	switch {
	case s.is(linked):
		r.links.bySlot[n].readable(s)
	case what&broken != 0 && !s.is(awaitsRoom):
		r.unwatch(s)
	}
}

// readLight reads once what is ready, or accepts.
func (r *Reactor) readLight(n uint32) {
	if r.conns.table.At(n).is(listening) {
		r.accept(n)
		return
	}
	token := r.Conn(n)
	piece := min(lightRead, len(r.sockets.buffer))
	r.judge(token, r.readOnce(n, piece), piece)
}

// readSlow reads as much as is its share.
func (r *Reactor) readSlow(n uint32) {
	if r.conns.table.At(n).is(listening) {
		r.accept(n)
		return
	}
	token := r.Conn(n)
	times, piece := r.sockets.intake.share(len(r.sockets.buffer))
	got := 0
	for range times {
		got = r.readOnce(n, piece)
		if got < piece || !r.mayRead() || !r.Holds(token) || r.conns.table.At(n).is(paused) {
			break
		}
	}
	r.judge(token, got, piece)
}

// judge says by the last read, of at most piece bytes, whether a connection is bulk. One that may have more waits for its
// next turn.
func (r *Reactor) judge(token Conn, got, piece int) {
	if !r.Holds(token) {
		return
	}
	s := r.conns.table.At(token.Slot)
	s.state &^= bulk
	if got >= min(bulkBytes, piece) {
		s.state |= bulk
	}
	if got >= piece && s.state&(linked|paused) == 0 {
		r.sockets.intake.add(token.Slot, s)
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
		r.hangup(n, os.NewSyscallError("recv", errno))
	case m == 0:
		r.hangup(n, io.EOF)
	default:
		r.input(n, r.sockets.buffer[:m])
	}
	r.spend(callWork)
	return m
}

// input takes what a connection has sent.
func (r *Reactor) input(n uint32, view []byte) {
	r.sockets.BytesIn += uint64(len(view))
	s := r.conns.table.At(n)
	if s.is(secured) {
		r.inputSecured(n, view)
		return
	}
	s.seen = r.now()
	r.deliver(n, view)
}

// deliver hands to the handler what a connection has sent.
func (r *Reactor) deliver(n uint32, view []byte) {
	matched := r.sender.count.Matched
	r.notifyInput(n, view)
	r.passOnNotices()
	r.spend(len(view) + memberWork*int(r.sender.count.Matched-matched))
}

func (r *Reactor) notifyInput(n uint32, view []byte) {
	defer r.guard(n)
	r.cfg.Handler.Input(n, view)
}
