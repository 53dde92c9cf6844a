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
	r.wheel.set(n, &s.deadline, r.wheel.now+uint32((d+Tick-1)/Tick))
}

// ExpireWithin is SetDeadline, unless a deadline is set that comes sooner.
func (r *Reactor) ExpireWithin(n uint32, d time.Duration) {
	r.owner.assert()
	s := r.conns.table.At(n)
	due := r.wheel.now + uint32((max(d, 0)+Tick-1)/Tick)
	if s.deadline.due == 0 || due < s.deadline.due {
		r.wheel.set(n, &s.deadline, due)
	}
}

// SilentFor is how long the peer has sent nothing, to the Tick.
func (r *Reactor) SilentFor(n uint32) time.Duration {
	r.owner.assert()
	return time.Duration(r.wheel.now-r.conns.table.At(n).seen) * Tick
}

// expire is what the wheel calls when a deadline has come.
func (r *Reactor) expire(n uint32) {
	if r.conns.table.At(n).is(listening) {
		r.resumeAccept(n)
		return
	}
	r.notifyExpired(n)
	r.passOnNotices()
}
