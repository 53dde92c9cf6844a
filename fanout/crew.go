package fanout

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/panjf2000/ants/v2"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
)

// crew is the worker pool: spokes whose inbox waits stand in one queue, and tasks on ants work it off, many spokes a
// task, for a submit costs as much as dozens of messages. A task that meets a callback that blocks holds up one spoke:
// the others in the queue are taken by other tasks, of which a watch starts more whenever the queue has stood still.
//
// I1: working is the number of tasks submitted and not ended; never more than most.
// I2: while the queue is not empty, a task is working or the watch is set.
type crew struct {
	hub    *Hub
	pool   *ants.Pool
	most   int
	task   func()
	mu     sync.Mutex
	queue  []*Spoke
	next   int
	taken  uint64
	seen   uint64
	watch  *time.Timer
	set    bool
	shut   bool
	idle   *sync.Cond
	pushed uint64

	working int
}

const (
	spokesATask = 32
	watchEvery  = 5 * time.Millisecond
)

func newCrew(h *Hub, workers int) (*crew, error) {
	pool, err := ants.NewPool(workers, ants.WithNonblocking(true), ants.WithExpiryDuration(10*time.Second))
	if err != nil {
		return nil, fmt.Errorf("fanout: worker pool: %w", err)
	}
	c := &crew{hub: h, pool: pool, most: workers}
	c.task = c.work
	c.idle = sync.NewCond(&c.mu)
	c.watch = time.AfterFunc(time.Hour, c.look)
	c.watch.Stop()
	return c, nil
}

// push queues spokes, whose boxes now belong to the crew, and starts workers for them. Any goroutine may call it; it
// does not wait for them.
func (c *crew) push(spokes []*Spoke) {
	c.mu.Lock()
	c.queue = append(c.queue, spokes...)
	c.pushed++
	waiting := len(c.queue) - c.next
	start := min((waiting+spokesATask-1)/spokesATask, runtime.GOMAXPROCS(0)) - c.working
	start = c.claim(max(start, 0))
	c.setWatch()
	c.mu.Unlock()
	c.submit(start)
}

// claim counts n more workers as far as there may be more. The caller holds mu.
func (c *crew) claim(n int) int {
	n = min(n, c.most-c.working)
	if n <= 0 {
		return 0
	}
	c.working += n
	return n
}

func (c *crew) submit(n int) {
	for range n {
		err := c.pool.Submit(c.task)
		if errors.Is(err, ants.ErrPoolClosed) {
			go c.work()
			continue
		}
		if err != nil {
			c.mu.Lock()
			c.ended()
			c.mu.Unlock()
		}
	}
}

func (c *crew) setWatch() {
	if !c.set && c.next < len(c.queue) && !c.shut {
		c.set = true
		c.seen = c.taken
		c.watch.Reset(watchEvery)
	}
}

// look starts more workers if the queue has not moved since the watch was set.
func (c *crew) look() {
	c.mu.Lock()
	c.set = false
	start := 0
	if waiting := len(c.queue) - c.next; waiting > 0 && c.taken == c.seen {
		start = c.claim(waiting)
	}
	c.setWatch()
	c.mu.Unlock()
	c.submit(start)
}

func (c *crew) pop() *Spoke {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == len(c.queue) {
		if cap(c.queue) > 4096 {
			c.queue = nil
		}
		c.queue = c.queue[:0]
		c.next = 0
		c.ended()
		return nil
	}
	s := c.queue[c.next]
	c.queue[c.next] = nil
	c.next++
	c.taken++
	if c.next > 1024 && c.next > len(c.queue)/2 {
		kept := copy(c.queue, c.queue[c.next:])
		clear(c.queue[kept:])
		c.queue = c.queue[:kept]
		c.next = 0
	}
	return s
}

// ended counts a worker less. The caller holds mu.
func (c *crew) ended() {
	c.working--
	if c.working == 0 {
		c.idle.Broadcast()
	}
}

var interners = sync.Pool{New: func() any { return new(interner) }}

func (c *crew) work() {
	names := interners.Get().(*interner)
	var serving *Spoke
	defer c.leave(&serving, names)
	for serving = c.pop(); serving != nil; serving = c.pop() {
		c.serve(serving, names)
	}
}

// leave ends a worker. One that a callback ended with runtime.Goexit, as a test's FailNow does, leaves a spoke behind: it
// goes on with its next item elsewhere.
func (c *crew) leave(serving **Spoke, names *interner) {
	interners.Put(names)
	s := *serving
	if s == nil {
		return
	}
	c.hub.cfg.Logger.Error("callback ended its goroutine; the connection goes on", "spoke", s.id)
	s.box.pos++
	c.mu.Lock()
	c.ended()
	c.mu.Unlock()
	c.push([]*Spoke{s})
}

// serve runs what the spoke's box holds up to the next barrier and passes the box on.
func (c *crew) serve(s *Spoke, names *interner) {
	box := s.box
	for box.pos < len(box.items) {
		i := &box.items[box.pos]
		if i.kind == itemControl {
			c.authorize(s, box, i)
			break
		}
		if i.kind == itemSayClose || i.kind == itemRaw {
			break
		}
		c.run(s, box, i, names)
		box.pos++
	}
	if box.pos == len(box.items) {
		s.box = nil
		box.recycle()
		if s.work.CompareAndSwap(running, resting) {
			return
		}
	}
	s.work.Store(resting)
	if s.lane.reactor.Post((*returned)(s)) {
		return
	}
	<-s.lane.reactor.Done()
	if s.work.CompareAndSwap(resting, awaited) {
		c.finish(s, names)
	}
}

// finish runs what is left of a spoke whose reactor has ended: nobody else has its boxes any more.
func (c *crew) finish(s *Spoke, names *interner) {
	for s.box != nil || s.filling != nil {
		if s.box == nil {
			s.box, s.filling = s.filling, nil
		}
		for s.box.pos < len(s.box.items) {
			c.run(s, s.box, &s.box.items[s.box.pos], names)
			s.box.pos++
		}
		s.box = nil
	}
}

// returned tells the reactor that a spoke's box is back, or free again, and something waits.
type returned Spoke

// Do makes the spoke ready for the end of the turn.
func (t *returned) Do(r *netpoll.Reactor) {
	s := (*Spoke)(t)
	s.lane.again(s)
}

func (c *crew) run(s *Spoke, box *inbox, i *item, names *interner) {
	cfg := &c.hub.cfg
	switch i.kind {
	case itemConnected:
		c.connected(s)
	case itemEvent:
		c.heard(s, box.event(i, names))
	case itemBackpressure:
		if cfg.OnBackpressure != nil {
			defer c.recover("OnBackpressure", s)
			cfg.OnBackpressure(s, i.detail.pressure)
		}
	case itemDisconnected:
		if cfg.OnDisconnection != nil {
			defer c.recover("OnDisconnection", s)
			cfg.OnDisconnection(s, s.Conn(), i.detail.cause)
		}
	}
}

func (c *crew) connected(s *Spoke) {
	defer c.recover("OnConnection", s)
	c.hub.cfg.OnConnection(s, s.Conn())
}

func (c *crew) heard(s *Spoke, e event.Event) {
	if c.hub.cfg.OnEvent != nil {
		c.onEvent(s, e)
	}
	hear := func(l *listener) {
		defer c.recover("event listener", s)
		l.hear(s, e)
	}
	s.own().each(e, hear)
	c.hub.listeners.Load().each(e, hear)
}

func (c *crew) onEvent(s *Spoke, e event.Event) {
	defer c.recover("OnEvent", s)
	c.hub.cfg.OnEvent(s, e)
}

// authorize asks the embedder about the topics of a control event, which the reactor then carries out.
func (c *crew) authorize(s *Spoke, box *inbox, i *item) {
	if c.hub.cfg.Authorize == nil || i.checked {
		return
	}
	i.checked = true
	i.detail = &detail{refused: make(map[string]bool)}
	var view event.View
	if view.Parse(box.raw(i)) != nil || view.Control() != event.Subscribe {
		return
	}
	topics, err := view.Topics(nil)
	if err != nil {
		return
	}
	for _, topic := range topics {
		if event.ValidTopic(topic) && !c.allowed(s, string(topic)) {
			i.detail.refused[string(topic)] = true
		}
	}
}

// allowed is false where the hook panics: who can't be asked does not agree.
func (c *crew) allowed(s *Spoke, topic string) (ok bool) {
	defer c.recover("Authorize", s)
	return c.hub.cfg.Authorize(s, topic)
}

func (c *crew) recover(what string, s *Spoke) {
	if v := recover(); v != nil {
		c.hub.panics.Add(1)
		c.hub.cfg.Logger.Error("callback panicked; the connection goes on", "callback", what, "spoke", s.id,
			"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	}
}

// settle waits until nothing waits for a worker, in the queue or on a lane, and no worker runs.
func (c *crew) settle(ctx context.Context, lanes []*lane) error {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.idle.Broadcast()
	})
	defer stop()
	for {
		before, err := c.waitIdle(ctx)
		if err != nil {
			return err
		}
		waiting := 0
		for _, l := range lanes {
			l.ask(func(*netpoll.Reactor) { waiting += len(l.ready) })
		}
		c.mu.Lock()
		settled := waiting == 0 && c.pushed == before && c.atRest()
		c.mu.Unlock()
		if settled {
			return nil
		}
	}
}

func (c *crew) waitIdle(ctx context.Context) (pushed uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.atRest() && ctx.Err() == nil {
		c.idle.Wait()
	}
	return c.pushed, ctx.Err()
}

func (c *crew) atRest() bool { return c.working == 0 && c.next == len(c.queue) }

// release ends the pool. Spokes still queued are forgotten.
func (c *crew) release() {
	c.mu.Lock()
	c.shut = true
	c.watch.Stop()
	left := 0
	if c.working == 0 && c.next < len(c.queue) {
		left = c.claim(1)
	}
	c.mu.Unlock()
	c.pool.Release()
	c.submit(left)
}
