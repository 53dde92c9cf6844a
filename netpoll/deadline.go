package netpoll

import "time"

// SetDeadline makes Handler.Expired come for the connection in d, rounded up to a Tick; it replaces the deadline set
// before. It costs no timer and no allocation. Not positive: no deadline.
func (r *Reactor) SetDeadline(n uint32, d time.Duration) {
	r.owner.assert()
	s := r.conns.table.At(n)
	if d <= 0 {
		s.deadline.due = 0
		return
	}
	r.wheel.set(n, &s.deadline, r.now()+uint32((d+Tick-1)/Tick))
}

// TimeLeft is how long it is until the deadline of a connection comes, 0 if there is none or it has come.
func (r *Reactor) TimeLeft(n uint32) time.Duration {
	r.owner.assert()
	due, now := r.conns.table.At(n).deadline.due, r.now()
	if due <= now {
		return 0
	}
	return time.Duration(due-now) * Tick
}

// Hasten makes the deadline of a connection come in d if it would come later. Where there is none, or it is being passed on,
// nothing changes.
func (r *Reactor) Hasten(n uint32, d time.Duration) {
	r.owner.assert()
	s := r.conns.table.At(n)
	due := r.now() + uint32((max(d, 0)+Tick-1)/Tick)
	if due < s.deadline.due {
		r.wheel.set(n, &s.deadline, due)
	}
}

// SilentFor is how long the peer has neither sent anything nor, while its socket was full, made room in it, to the Tick.
func (r *Reactor) SilentFor(n uint32) time.Duration {
	r.owner.assert()
	return time.Duration(r.now()-r.conns.table.At(n).seen) * Tick
}

// expireDue passes on the deadlines that have come, behind the reading of their turn. It takes about a slice of time, and
// leaves the rest for the next turn.
func (r *Reactor) expireDue() {
	if now := r.now(); now != r.wheel.now {
		r.wheel.advance(now, &r.conns)
	}
	if r.wheel.ripe.empty() {
		return
	}
	r.turns.stint.begin(r.turns.clock.elapsed())
	for !r.turns.stint.over && !r.wheel.ripe.empty() {
		if n, ok := r.wheel.takeRipe(&r.conns); ok {
			r.expire(n)
			r.spend(callWork)
		}
	}
}

// expire passes on a deadline that has come, if what a last try brought has not set another.
func (r *Reactor) expire(n uint32) {
	if r.conns.table.At(n).is(listening) {
		r.resumeAccept(n)
		return
	}
	if r.tryLast(n) {
		r.notifyExpired(n)
		r.passOnNotices()
	}
}

// tryLast sends to a full socket and reads once, because what has come may be known to the kernel alone: not all connections
// are read in one turn. It says whether the deadline still holds. While the reactor is heavy it does not read, and IsHeavy tells
// the handler so.
func (r *Reactor) tryLast(n uint32) bool {
	token := r.Conn(n)
	if r.conns.table.At(n).is(awaitsRoom) {
		r.sender.roomAgain(n)
		r.passOnNotices()
	}
	if r.mayRead() && r.Holds(token) && !r.conns.table.At(n).is(paused) {
		r.readOnce(n, min(minPiece, len(r.sockets.buffer)))
	}
	return r.Holds(token) && r.conns.table.At(n).deadline.due == 0 && !r.awaitLink(n)
}
