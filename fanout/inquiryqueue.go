package fanout

import "container/list"

// inquiryQueue holds the inquiries that wait for a worker, in order, and counts the tasks that serve them. They are beside the tasks
// that serve spokes, and neither may use up the other's: strangers whose identity nobody can tell in time don't stop the callbacks
// of spokes, and busy spokes keep nobody out. workQueue's mu guards it.
//
// I1: running never exceeds workers.maxInquiries.
// I2: while inquiries wait, that many tasks run.
// I3: an inquiry waits only as long as its connection is in its handshake.
type inquiryQueue struct {
	waiting list.List
	running int
}

// place is where an inquiry stands in the queue, nil if it does not. workQueue's mu guards it.
type place struct{ element *list.Element }

// inquire queues an inquiry and starts a task for it if one may run. It does not wait.
func (w *workers) inquire(q *inquiry) {
	w.queue.mu.Lock()
	q.place.element = w.queue.inquiries.waiting.PushBack(q)
	next := w.startInquiryLocked()
	w.queue.mu.Unlock()
	w.submitInquiry(next)
}

// startInquiryLocked takes the first inquiry that waits and counts a task for it, or returns nil if there is none or no further task
// may run.
func (w *workers) startInquiryLocked() *inquiry {
	if w.queue.inquiries.running == w.maxInquiries {
		return nil
	}
	q := w.queue.takeInquiryLocked()
	if q != nil {
		w.queue.inquiries.running++
	}
	return q
}

func (q *workQueue) takeInquiryLocked() *inquiry {
	first := q.inquiries.waiting.Front()
	if first == nil {
		return nil
	}
	next := q.inquiries.waiting.Remove(first).(*inquiry)
	next.place.element = nil
	return next
}

// submitInquiry starts the task that begins with an inquiry, if that is not nil. A goroutine takes the place of a worker that has
// not come back to the pool yet.
func (w *workers) submitInquiry(q *inquiry) {
	if q == nil {
		return
	}
	task := func() { w.runInquiries(q) }
	if w.pool.Submit(task) != nil {
		go task()
	}
}

// runInquiries is one task: it serves inquiries until none waits.
func (w *workers) runInquiries(q *inquiry) {
	defer w.endInquiries()
	for ; q != nil; q = w.nextInquiry() {
		w.hub.answer(q)
	}
}

func (w *workers) nextInquiry() *inquiry {
	w.queue.mu.Lock()
	defer w.queue.mu.Unlock()
	return w.queue.takeInquiryLocked()
}

// endInquiries ends a task. Another takes over what waits, which is something only if the hook ended its goroutine or an inquiry
// has just come.
func (w *workers) endInquiries() {
	w.queue.mu.Lock()
	w.queue.inquiries.running--
	next := w.startInquiryLocked()
	if w.queue.emptyLocked() {
		w.queue.emptied.Broadcast()
	}
	w.queue.mu.Unlock()
	w.submitInquiry(next)
}

// forget takes an inquiry out of the queue if it still waits.
func (w *workers) forget(q *inquiry) {
	w.queue.mu.Lock()
	defer w.queue.mu.Unlock()
	if q.place.element != nil {
		w.queue.inquiries.waiting.Remove(q.place.element)
		q.place.element = nil
	}
}
