package fanout

import (
	"container/list"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// question is an inquiry or an attempt: who a client is, asked of the embedder.
type question interface {
	// ask asks and tells the loop what the embedder says. A worker calls it.
	ask(h *Hub)
	// standing is where it stands in the queue.
	standing() *place
	// isUrgent is true where the client is a spoke with an identity, which strangers must not cost it.
	isUrgent() bool
}

// inquiryQueue holds the questions that wait for a worker, in order, those about spokes that have an identity first, and counts the
// tasks that serve them. They are beside the tasks that serve spokes, and neither may use up the other's: strangers whose identity
// nobody can tell in time don't stop the callbacks of spokes, and busy spokes keep nobody out. workQueue's mu guards it.
//
// I1: running never exceeds workers.maxInquiries.
// I2: while questions wait, that many tasks run.
// I3: an inquiry waits only as long as its connection is in its handshake, an attempt as long as its spoke is open, and neither
// longer than HandshakeTimeout.
type inquiryQueue struct {
	urgent  list.List
	waiting list.List
	running int
}

// place is where a question stands in the queue, nil if it does not. workQueue's mu guards it.
type place struct {
	list    *list.List
	element *list.Element
}

// inquire queues a question and starts a task for it if one may run. It does not wait.
func (w *workers) inquire(q question) {
	w.queue.mu.Lock()
	line := &w.queue.inquiries.waiting
	if q.isUrgent() {
		line = &w.queue.inquiries.urgent
	}
	*q.standing() = place{line, line.PushBack(q)}
	next := w.startInquiryLocked()
	w.queue.mu.Unlock()
	w.submitInquiry(next)
}

// startInquiryLocked takes the first question that waits and counts a task for it, or returns nil if there is none or no further task
// may run.
func (w *workers) startInquiryLocked() question {
	if w.queue.inquiries.running == w.maxInquiries {
		return nil
	}
	q := w.queue.takeInquiryLocked()
	if q != nil {
		w.queue.inquiries.running++
	}
	return q
}

func (q *workQueue) takeInquiryLocked() question {
	for _, line := range [...]*list.List{&q.inquiries.urgent, &q.inquiries.waiting} {
		if first := line.Front(); first != nil {
			next := line.Remove(first).(question)
			*next.standing() = place{}
			return next
		}
	}
	return nil
}

// submitInquiry starts the task that begins with a question, if that is not nil. A goroutine takes the place of a worker that has
// not come back to the pool yet.
func (w *workers) submitInquiry(q question) {
	if q == nil {
		return
	}
	task := func() { w.runInquiries(q) }
	if w.pool.Submit(task) != nil {
		go task()
	}
}

// runInquiries is one task: it serves questions until none waits.
func (w *workers) runInquiries(q question) {
	defer w.endInquiries()
	for q != nil {
		began := netpoll.Moment()
		q.ask(w.hub)
		q = w.nextInquiry(netpoll.Moment() - began)
	}
}

// nextInquiry returns the next question, nil if none waits. The one before took so long.
func (w *workers) nextInquiry(took time.Duration) question {
	w.queue.mu.Lock()
	defer w.queue.mu.Unlock()
	w.queue.took.Observe(took, 1)
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

// forget takes a question out of the queue, and reports false if it does not wait there.
func (w *workers) forget(q question) bool {
	w.queue.mu.Lock()
	defer w.queue.mu.Unlock()
	p := q.standing()
	if p.element == nil {
		return false
	}
	p.list.Remove(p.element)
	*p = place{}
	return true
}
