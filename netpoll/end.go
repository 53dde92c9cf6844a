package netpoll

// Stop ends Run and closes what connections are left, without a word to their peers. It returns when Run has. Any
// goroutine but the reactor's may call it, again too.
func (r *Reactor) Stop() {
	r.Post(TaskFunc(func(r *Reactor) { r.turns.stopping = true }))
	<-r.done
}

// fail ends a reactor whose poller broke.
func (r *Reactor) fail(err error) {
	r.turns.failed = true
	r.mail.sleeping.Store(false)
	r.runLastTasks()
	r.cfg.Handler.Failed(err)
	r.closeAll()
}

// end runs the tasks that are left and then closes all connections: what a task opens is closed, what it queues is
// dropped by the ledger.
func (r *Reactor) end() {
	r.runLastTasks()
	r.notifyTurn()
	r.closeAll()
}

func (r *Reactor) closeAll() {
	for n := range r.conns.table.Len() {
		if r.conns.table.At(n).is(inUse) {
			r.Close(n, DropClosed)
		}
	}
	for r.closeRetired(); len(r.conns.retired.fds) > 0; {
		r.closeRetired()
	}
}

// runLastTasks closes the mailbox and runs what stood in it, so that whoever waits for a task is answered.
func (r *Reactor) runLastTasks() {
	rest := r.mail.close()
	for _, t := range append(r.turns.tasks[r.turns.done:], rest...) {
		r.do(t)
	}
	r.turns.tasks = nil
	r.turns.done = 0
}
