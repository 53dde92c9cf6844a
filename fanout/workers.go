package fanout

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/panjf2000/ants/v2"

	"github.com/spokehub/spokehub/netpoll"
)

// workers run user code. Spokes whose inbox has something for it wait in one queue. Tasks on ants serve the queue, many spokes a
// task, because a submit costs as much as dozens of messages. A callback that blocks delays one spoke: other tasks serve the
// rest of the queue, and a watch starts more of them when the queue has stopped moving. Any goroutine may use it.
//
// I1: queue.running is the number of tasks submitted and not ended; never more than max.
// I2: while the queue is not empty, a task is running or the watch is set.
type workers struct {
	hub  *Hub
	pool *ants.Pool
	// max is how many tasks serve spokes at a time, maxInquiries how many may run Config.OnHandshake
	// and OnAuth beside them.
	max          int
	maxInquiries int
	task         func()
	queue        workQueue
	watch        watch
}

// watch checks that the queue moves. The queue's mu guards it.
type watch struct {
	timer *time.Timer
	set   bool
	// seen is how many had been taken when the watch was set.
	seen uint64
	// off says that the workers have stopped.
	off bool
}

const (
	// spokesPerTask is how many waiting spokes are worth another task.
	spokesPerTask = 32
	watchInterval = 5 * time.Millisecond
)

func newWorkers(h *Hub, size int) (*workers, error) {
	inquiries := 0
	if h.cfg.OnHandshake != nil || h.cfg.OnAuth != nil {
		inquiries = max(size/2, 1)
	}
	pool, err := ants.NewPool(size+inquiries, ants.WithNonblocking(true), ants.WithExpiryDuration(10*time.Second))
	if err != nil {
		return nil, fmt.Errorf("fanout: worker pool: %w", err)
	}
	w := &workers{hub: h, pool: pool, max: size, maxInquiries: inquiries}
	w.task = w.work
	w.queue.emptied = sync.NewCond(&w.queue.mu)
	w.watch.timer = time.AfterFunc(time.Hour, w.startMoreIfStuck)
	w.watch.timer.Stop()
	return w, nil
}

// push queues spokes, whose running inboxes the workers now own, and starts tasks for them. It does not wait for them.
func (w *workers) push(spokes []*Spoke) {
	q := &w.queue
	q.mu.Lock()
	q.spokes = append(q.spokes, spokes...)
	q.pushed++
	start := min((q.waitingLocked()+spokesPerTask-1)/spokesPerTask, runtime.GOMAXPROCS(0)) - q.running
	start = w.reserveLocked(start)
	w.setWatchLocked()
	q.mu.Unlock()
	w.submit(start)
}

// startMoreIfStuck starts more tasks if the queue has not moved since the watch was set.
func (w *workers) startMoreIfStuck() {
	q := &w.queue
	q.mu.Lock()
	w.watch.set = false
	start := 0
	if w.watch.seen == q.taken {
		start = w.reserveLocked(q.waitingLocked())
	}
	w.setWatchLocked()
	q.mu.Unlock()
	w.submit(start)
}

// reserveLocked counts n more tasks, or as many as max allows, and returns how many.
func (w *workers) reserveLocked(n int) int {
	n = max(min(n, w.max-w.queue.running), 0)
	w.queue.running += n
	return n
}

func (w *workers) setWatchLocked() {
	if !w.watch.set && w.queue.waitingLocked() > 0 && !w.watch.off {
		w.watch.set = true
		w.watch.seen = w.queue.taken
		w.watch.timer.Reset(watchInterval)
	}
}

func (w *workers) submit(n int) {
	for range n {
		err := w.pool.Submit(w.task)
		if errors.Is(err, ants.ErrPoolClosed) {
			go w.work()
			continue
		}
		if err != nil {
			w.queue.taskEnded()
		}
	}
}

// work is one task: it serves spokes until none waits.
func (w *workers) work() {
	names := internerPool.Get().(*interner)
	var serving *Spoke
	var times stopwatch
	defer w.endTask(&serving, names, &times)
	for serving = w.queue.pop(&times); serving != nil; serving = w.queue.pop(&times) {
		w.serve(serving, names, &times)
	}
}

var internerPool = sync.Pool{New: func() any { return new(interner) }}

// endTask ends a task. If a callback ends its goroutine with runtime.Goexit, as a test's FailNow does, the spoke
// continues in another task: with its next item, or with what the loop makes of a hook that has not answered.
func (w *workers) endTask(serving **Spoke, names *interner, times *stopwatch) {
	internerPool.Put(names)
	s := *serving
	if s == nil {
		return
	}
	w.queue.count(times)
	w.hub.cfg.Logger.Error("callback ended its goroutine; the connection goes on", "spoke", s.id)
	box := s.runningInbox
	if box.items[box.pos].kind.isForWorker() {
		box.pos++
	}
	w.queue.taskEnded()
	w.push([]*Spoke{s})
}

// serve runs the items of the spoke's running inbox, up to one that the loop must carry out, and gives the inbox up: at once, if nothing
// has been posted to the loop meanwhile, which what the spoke sends next could overtake.
func (w *workers) serve(s *Spoke, names *interner, times *stopwatch) {
	box, before := s.runningInbox, s.loop.reactor.Posted()
	times.begin()
	for !box.finished() && box.items[box.pos].kind.isForWorker() {
		w.runItem(s, box, &box.items[box.pos], names)
		box.pos++
		if times.ran() {
			w.queue.count(times)
		}
	}
	if !box.finished() {
		w.hub.askHook(s, box, names)
		times.ran()
		times.look()
	} else {
		times.look()
		s.loop.finishRunning(s)
		s.loop.inboxDone()
		if s.loop.reactor.Posted() == before && s.state.stop() {
			return
		}
	}
	if w.isLast(s) {
		w.finish(s, names)
	}
}

// giveUp gives up the running inbox of a spoke that OnAuth was asked about.
func (w *workers) giveUp(s *Spoke) {
	if w.isLast(s) {
		w.finish(s, new(interner))
	}
}

// isLast hands a worker's inbox back to the loop, behind all that its callbacks have posted. It reports true if the loop has ended, and
// the worker has to finish with the spoke.
func (w *workers) isLast(s *Spoke) bool {
	if s.loop.reactor.Post((*inboxStopped)(s)) {
		return false
	}
	<-s.loop.reactor.Done()
	return true
}

func (w *workers) runItem(s *Spoke, box *inbox, i *item, names *interner) {
	if i.kind == itemEvent {
		w.hub.hear(s, box.event(i, names))
		return
	}
	w.hub.callback(s, i)
}

// finish runs what remains of a spoke whose loop has ended. Nobody else uses its inboxes any more.
func (w *workers) finish(s *Spoke, names *interner) {
	for s.runningInbox != nil || s.pendingInbox != nil {
		if s.runningInbox == nil {
			s.runningInbox, s.pendingInbox = s.pendingInbox, nil
		}
		for box := s.runningInbox; !box.finished(); box.pos++ {
			i := &box.items[box.pos]
			if i.kind == itemPublish {
				w.hub.askToPublish(s, box, names)
			}
			if i.kind == itemAllowed {
				i.kind = itemEvent
			}
			w.runItem(s, box, i, names)
		}
		s.loop.finishRunning(s)
	}
}

// inboxStopped gives up a spoke's inbox for a worker. What its callbacks have dispatched was posted before and has been delivered.
type inboxStopped Spoke

// Do makes the spoke ready for the end of the turn.
func (t *inboxStopped) Do(*netpoll.Reactor) {
	s := (*Spoke)(t)
	s.state.setFree()
	s.loop.markReady(s)
}

// awaitCallbacks waits until all callbacks have returned: no spoke waits for a worker, in the queue or on a loop, and no task runs.
func (w *workers) awaitCallbacks(ctx context.Context, loops []*loop) error {
	q := &w.queue
	stop := context.AfterFunc(ctx, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.emptied.Broadcast()
	})
	defer stop()
	for {
		before, err := q.awaitEmpty(ctx)
		if err != nil {
			return err
		}
		waiting := 0
		for _, l := range loops {
			l.ask(func(*netpoll.Reactor) { waiting += len(l.work.ready) })
		}
		q.mu.Lock()
		done := waiting == 0 && q.pushed == before && q.emptyLocked()
		q.mu.Unlock()
		if done {
			return nil
		}
	}
}

// stop ends the pool. What is still queued is served by a goroutine outside it.
func (w *workers) stop() {
	q := &w.queue
	q.mu.Lock()
	w.watch.off = true
	w.watch.timer.Stop()
	last := 0
	if q.running == 0 && q.waitingLocked() > 0 {
		last = w.reserveLocked(1)
	}
	q.mu.Unlock()
	w.pool.Release()
	w.submit(last)
}

// workQueue holds the spokes that wait for workers.serve, and counts the tasks that serve it. mu guards all of it.
type workQueue struct {
	mu     sync.Mutex
	spokes []*Spoke
	// next is the place in spokes of the first that waits.
	next int
	// running is how many tasks there are.
	running int
	// pushed counts calls of push, taken the spokes that pop returned.
	pushed uint64
	taken  uint64
	// emptied is signalled when no task runs any more.
	emptied   *sync.Cond
	inquiries inquiryQueue
	// took is how long callbacks took.
	took netpoll.Histogram
}

const (
	// maxKeptQueue is the capacity that an empty queue keeps.
	maxKeptQueue = 4096
	// minShifted is how many served places, at the least, are worth moving the rest to the front.
	minShifted = 1024
)

func (q *workQueue) waitingLocked() int { return len(q.spokes) - q.next }

func (q *workQueue) emptyLocked() bool {
	return q.running == 0 && q.waitingLocked() == 0 && q.inquiries.running == 0
}

// pop removes the next spoke, and counts what the task has measured that asks. If there is none it returns nil, and the task counts as ended.
func (q *workQueue) pop(times *stopwatch) *Spoke {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.countLocked(times)
	if q.waitingLocked() == 0 {
		if cap(q.spokes) > maxKeptQueue {
			q.spokes = nil
		}
		q.spokes = q.spokes[:0]
		q.next = 0
		q.taskEndedLocked()
		return nil
	}
	s := q.spokes[q.next]
	q.spokes[q.next] = nil
	q.next++
	q.taken++
	if q.next > minShifted && q.next > len(q.spokes)/2 {
		left := copy(q.spokes, q.spokes[q.next:])
		clear(q.spokes[left:])
		q.spokes = q.spokes[:left]
		q.next = 0
	}
	return s
}

func (q *workQueue) taskEnded() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taskEndedLocked()
}

func (q *workQueue) taskEndedLocked() {
	q.running--
	if q.running == 0 {
		q.emptied.Broadcast()
	}
}

// awaitEmpty waits until no spoke waits and no task runs, and returns how often spokes had been pushed by then.
func (q *workQueue) awaitEmpty(ctx context.Context) (pushed uint64, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.emptyLocked() && ctx.Err() == nil {
		q.emptied.Wait()
	}
	return q.pushed, ctx.Err()
}
