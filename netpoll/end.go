package netpoll

func (r *Reactor) fail(err error) {
	r.failed = true
	r.sleep.Store(false)
	r.refuseTasks()
	r.handler.Failed(err)
	r.closeAll()
}

// end runs the tasks that are left and then closes all connections: what a task opens is closed, what it queues is
// dropped by the ledger.
func (r *Reactor) end() {
	r.refuseTasks()
	r.tellTurn()
	r.closeAll()
}

func (r *Reactor) closeAll() {
	for n := range r.slots.table.Len() {
		if r.slots.table.At(n).flags&inUse != 0 {
			r.Close(uint32(n), DropClosed)
		}
	}
	r.bury()
}

// refuseTasks closes the inbox and runs what stood in it, so that whoever waits for a task is answered.
func (r *Reactor) refuseTasks() {
	rest := r.inbox.close()
	for _, t := range append(r.work[r.workDone:], rest...) {
		r.do(t)
	}
	r.work = nil
	r.workDone = 0
}
