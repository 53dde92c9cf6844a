package netpoll

import "runtime/debug"

// tellInput and its like run the code of the handler's owner, behind a guard each: a panic costs the call it came from,
// and the turn around it goes on.
func (r *Reactor) tellInput(n uint32, view []byte) {
	defer r.guard(n)
	r.handler.Input(n, view)
}

func (r *Reactor) tellHangup(n uint32, err error) {
	defer r.guard(n)
	r.handler.Hangup(n, err)
}

func (r *Reactor) tellOverflow(o overflow) {
	defer r.guard(o.slot)
	r.handler.Overflow(o.slot, o.queued, o.frame)
}

func (r *Reactor) tellDrained(n uint32) {
	defer r.guard(n)
	r.handler.Drained(n)
}

func (r *Reactor) tellExpired(n uint32) {
	defer r.guard(n)
	r.handler.Expired(n)
}

func (r *Reactor) tellAccepted(listener uint32, a Accepted) {
	defer r.guard(NoSlot)
	r.handler.Accepted(listener, a)
}

func (r *Reactor) tellAccepting(listener uint32, err error) {
	defer r.guard(NoSlot)
	r.handler.AcceptFailed(listener, err)
}

func (r *Reactor) tellTurn() {
	defer r.guard(NoSlot)
	r.handler.Turn()
}

func (r *Reactor) do(t Task) {
	defer r.guard(NoSlot)
	t.Do(r)
}

// guard is deferred around every call into the handler's or a task's code. A connection whose handler panicked can't be
// trusted any more and is the handler's to close.
func (r *Reactor) guard(n uint32) {
	if v := recover(); v != nil {
		r.count.Panics++
		r.tellPanicked(n, v, debug.Stack())
	}
}

// tellPanicked closes the connection itself where not even Panicked returns.
func (r *Reactor) tellPanicked(n uint32, value any, stack []byte) {
	defer r.abandon(n)
	r.handler.Panicked(n, value, stack)
}

func (r *Reactor) abandon(n uint32) {
	if recover() == nil {
		return
	}
	r.count.Panics++
	if n < r.slots.table.Len() && r.slots.table.At(n).flags&inUse != 0 {
		r.Close(n, DropClosed)
	}
}
