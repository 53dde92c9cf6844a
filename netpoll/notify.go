package netpoll

import (
	"os"
	"runtime/debug"
)

func (r *Reactor) notifyAccepted(listener uint32, a Accepted) {
	defer r.guard(NoSlot)
	r.cfg.Handler.Accepted(listener, a)
}

func (r *Reactor) notifyAccepting(listener uint32, err error) {
	defer r.guard(NoSlot)
	r.cfg.Handler.AcceptFailed(listener, err)
}

func (r *Reactor) notifyHangup(n uint32, err error) {
	defer r.guard(n)
	r.cfg.Handler.Hangup(n, err)
}

func (r *Reactor) notifySecuring(n uint32) {
	defer r.guard(n)
	r.cfg.Handler.Securing(n)
}

func (r *Reactor) notifySecured(n uint32, err error) {
	defer r.guard(n)
	r.cfg.Handler.Secured(n, err)
}

func (r *Reactor) notifyExpired(n uint32) {
	defer r.guard(n)
	r.cfg.Handler.Expired(n)
}

func (r *Reactor) notifyTurn() {
	defer r.guard(NoSlot)
	r.cfg.Handler.Turn()
}

// passOnNotices tells the handler what the sender has noted, behind every call of the handler or of a task that may have
// caused it, so that nothing else happens to the connection first. Of connections that are closed meanwhile it tells nothing.
func (r *Reactor) passOnNotices() {
	for len(r.sender.notices.noted) > 0 {
		for _, x := range r.sender.notices.take() {
			if r.conns.table.At(x.slot).is(inUse) {
				r.passOn(x)
			}
		}
	}
}

func (r *Reactor) passOn(x notice) {
	defer r.guard(x.slot)
	switch x.kind {
	case overflowed:
		r.cfg.Handler.Overflow(x.slot, x.queued, x.frame)
	case drained:
		if r.sender.isDrained(x.slot) && !r.deferDrained(x.slot) {
			r.cfg.Handler.Drained(x.slot)
		}
	case filling:
		if r.sender.isFilling(x.slot) {
			r.cfg.Handler.Filling(x.slot)
		}
	case sendFailed:
		r.hangup(x.slot, os.NewSyscallError("send", x.errno))
	}
}

// guard is deferred around every call into the handler's or a task's code: a panic costs the call it came from, and the
// turn around it goes on. A connection whose handler panicked can't be trusted any more and is the handler's to close.
func (r *Reactor) guard(n uint32) {
	if v := recover(); v != nil {
		r.turns.panics++
		r.notifyPanicked(n, v, debug.Stack())
	}
}

// notifyPanicked closes the connection itself where not even Panicked returns.
func (r *Reactor) notifyPanicked(n uint32, value any, stack []byte) {
	defer r.closePanicked(n)
	r.cfg.Handler.Panicked(n, value, stack)
}

func (r *Reactor) closePanicked(n uint32) {
	if recover() == nil {
		return
	}
	r.turns.panics++
	if n < r.conns.table.Len() && r.conns.table.At(n).is(inUse) {
		r.Close(n, DropClosed)
	}
}
