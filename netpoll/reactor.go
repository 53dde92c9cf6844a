package netpoll

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Handler is what a reactor tells its owner. All methods run on the reactor's goroutine and must not block; they may
// call any method of the reactor.
type Handler interface {
	// Input brings bytes that a connection sent. view is the reactor's own buffer: it is borrowed until return and may
	// be written to.
	Input(slot uint32, view []byte)
	// Hangup says that the peer is gone: err is io.EOF where it closed, else what failed. The handler calls Close.
	Hangup(slot uint32, err error)
	// Overflow says that a frame was refused because queued unsent bytes and the frame exceed the limit. It comes once
	// a connection; from then on all frames but those of SendAnyway are refused silently.
	Overflow(slot uint32, queued, frame int)
	// Drained says, once for each TellDrained, that all queued bytes are with the kernel.
	Drained(slot uint32)
	// Expired says that the deadline set with SetDeadline has come.
	Expired(slot uint32)
	// Accepted brings a connection that a listener of this reactor accepted. It belongs to the handler, which opens it
	// on some reactor or closes it.
	Accepted(listener uint32, a Accepted)
	// AcceptFailed says that accepting pauses because of err, and (err nil) that it goes on.
	AcceptFailed(listener uint32, err error)
	// Turn ends a batch of readiness, before anything is flushed.
	Turn()
	// Panicked says that a method of the handler panicked over the connection in slot, which the handler now closes; or,
	// with NoSlot, that a task did, or a method that is about no connection. The reactor goes on.
	Panicked(slot uint32, value any, stack []byte)
	// Failed says that the reactor can't go on: no task runs any more, nothing is read or sent, and what connections the
	// handler leaves are closed next. Nothing follows it.
	Failed(err error)
}

// Config says how a reactor works. The zero value of each field but Handler means its default.
type Config struct {
	// Handler is told what happens. Required.
	Handler Handler
	// Engine is how the reactor waits. Default: EngineDefault.
	Engine Engine
	// QueueLimit is the number of unsent bytes a connection may have queued. Default 1 MiB.
	QueueLimit int
	// ReadBuffer is the size of the buffer that all reads share, in bytes. Default 64 KiB.
	ReadBuffer int
	// Slice bounds the time spent on sending before the reactor looks for input again. Default 500 us.
	Slice time.Duration
	// Collect bounds the time that a turn goes on collecting frames while more keep coming. Default 50 us; negative
	// turns it off.
	Collect time.Duration
}

// Reactor owns connections: one goroutine reads, queues and sends for all of them. What other goroutines want of it they
// post as tasks.
//
// Owners: inbox and sleeping are for any goroutine; everything else belongs to the reactor's goroutine. Methods say
// whether other goroutines may call them; where they say nothing, only the handler and tasks may.
//
// I1: a descriptor is registered, changed and closed only on the reactor's goroutine, and closed only behind a turn.
// I2: a frame goes out whole or, where the connection ends, not at all or cut: never interleaved with another.
// I3: a read comes behind all tasks that were posted before it, so what a peer did after a task was posted, it did after
// that task was run.
// I4: no frame of an unblocked connection is refused for what the reactor itself held back: when pending sequences grow
// heavy, tasks and reads wait until they are flushed.
type Reactor struct {
	cfg     Config
	handler Handler
	poller  poller
	inbox   tasks
	sleep   atomic.Bool
	kicking atomic.Int32
	done    chan struct{}
	epoch   time.Time

	slots    slots
	log      outlog
	backlogs backlogs
	links    map[uint32]*link
	linked   sync.WaitGroup
	bulk     outlist
	express  outlist
	wheel    wheel
	expired  func(uint32)
	listen   listeners

	work     []Task
	workDone int
	buffer   []byte
	serial   uint32
	serials  uint32
	fresh    []Conn
	closing  []int32
	closed   []*link
	over     []overflow
	vector   vector
	count    Counters
	collect  collector
	alarm    uint32
	trimmed  uint32
	rested   bool
	stopping bool
	again    bool
	failed   bool
}

// overflow is a frame that a connection has no room for; late is that frame where the connection is not at fault.
type overflow struct {
	slot   uint32
	serial uint32
	queued int
	frame  int
	late   *Frame
}

const (
	defaultQueueLimit = 1 << 20
	defaultReadBuffer = 64 << 10
	defaultSlice      = 500 * time.Microsecond
	defaultCollect    = 50 * time.Microsecond
	heavyBytes        = 256 << 10
	pendingQueues     = 8
)

// New makes a reactor. It owns descriptors from now on, but runs only with Run.
func New(cfg Config) (*Reactor, error) {
	if cfg.Handler == nil {
		return nil, errors.New("netpoll: Config.Handler: a reactor needs one")
	}
	for _, c := range []struct {
		name  string
		value int
	}{{"QueueLimit", cfg.QueueLimit}, {"ReadBuffer", cfg.ReadBuffer}, {"Slice", int(cfg.Slice)}} {
		if c.value < 0 {
			return nil, fmt.Errorf("netpoll: Config.%s: %d is negative", c.name, c.value)
		}
	}
	if cfg.QueueLimit > 1<<30 {
		return nil, fmt.Errorf("netpoll: Config.QueueLimit: %d is over 1 GiB", cfg.QueueLimit)
	}
	cfg = cfg.withDefaults()
	r := &Reactor{
		cfg:     cfg,
		handler: cfg.Handler,
		done:    make(chan struct{}),
		epoch:   time.Now(),
		log:     newOutlog(min(heavyBytes, cfg.QueueLimit/4), pendingQueues*cfg.QueueLimit),
		links:   make(map[uint32]*link),
		wheel:   newWheel(),
		buffer:  make([]byte, cfg.ReadBuffer),
	}
	r.expired = r.expire
	poller, err := newPoller(cfg.Engine, r)
	if err != nil {
		return nil, fmt.Errorf("netpoll: %w", err)
	}
	r.poller = poller
	return r, nil
}

func (c Config) withDefaults() Config {
	if c.QueueLimit == 0 {
		c.QueueLimit = defaultQueueLimit
	}
	if c.ReadBuffer == 0 {
		c.ReadBuffer = defaultReadBuffer
	}
	if c.Slice == 0 {
		c.Slice = defaultSlice
	}
	if c.Collect == 0 {
		c.Collect = defaultCollect
	}
	return c
}

// Run serves until Stop. It blocks; start it once, on a goroutine of its own.
func (r *Reactor) Run() {
	defer close(r.done)
	r.poller.run()
	r.linked.Wait()
}

// Stop ends Run and closes what connections are left, without a word to their peers. It returns when Run has. Any
// goroutine but the reactor's may call it, again too.
func (r *Reactor) Stop() {
	r.Post(TaskFunc(func(r *Reactor) { r.stopping = true }))
	<-r.done
}

// Handler is the handler that the reactor was made with. Any goroutine may ask.
func (r *Reactor) Handler() Handler { return r.handler }

// HeldBytes is the memory of all batches that wait to be sent; what several connections share counts once.
func (r *Reactor) HeldBytes() int { return r.log.batches.held }

// Done is closed when Run has returned.
func (r *Reactor) Done() <-chan struct{} { return r.done }

// Post hands t to the reactor; it says false, and t does not run, once the reactor has stopped. It takes one lock, at
// most one system call, and does not wait. Any goroutine may call it.
func (r *Reactor) Post(t Task) bool {
	if !r.inbox.push(t) {
		return false
	}
	r.wake()
	return true
}

// PostAll is Post for several tasks, which stay together and in order. It does not keep ts.
func (r *Reactor) PostAll(ts []Task) bool {
	if !r.inbox.pushAll(ts) {
		return false
	}
	r.wake()
	return true
}

func (r *Reactor) wake() {
	if !r.sleep.Load() {
		return
	}
	r.kicking.Add(1)
	if r.sleep.CompareAndSwap(true, false) {
		r.poller.kick()
	}
	r.kicking.Add(-1)
}

// awaitKicks returns when no kick is under way. None can begin after the last turn, so the poller may be freed.
func (r *Reactor) awaitKicks() {
	for r.kicking.Load() != 0 {
		runtime.Gosched()
	}
}

// LookAgain has another turn follow this one at once: for what Handler.Turn must see and has come behind it, as a failed
// send does.
func (r *Reactor) LookAgain() { r.again = true }

// Now is the coarse time of the reactor in ticks since its start.
func (r *Reactor) Now() uint32 { return r.wheel.now }

func (r *Reactor) ready(token Conn, what readiness) {
	if r.rested {
		r.rouse()
	}
	n := token.Slot
	if n >= r.slots.table.Len() {
		return
	}
	s := r.slots.table.At(n)
	if s.gen != token.Gen || s.flags&inUse == 0 {
		return
	}
	if s.flags&listening != 0 {
		r.accept(n)
		return
	}
	if what&writable != 0 && s.flags&armed != 0 {
		r.resend(n)
		s = r.slots.table.At(n)
		if s.gen != token.Gen {
			return
		}
	}
	if s.flags&paused != 0 {
		if what&broken != 0 && s.flags&armed == 0 {
			r.mute(s)
		}
		return
	}
	if what&readable != 0 && !r.log.isHeavy() {
		r.read(n)
	}
}

// rouse ends a rest: what readiness brings now must not be judged by the time at which the reactor fell asleep.
func (r *Reactor) rouse() {
	r.rested = false
	r.sleep.Store(false)
	r.tick()
}

// turn ends a batch of readiness: it runs tasks, sends for about a slice, and closes what ended.
func (r *Reactor) turn() verdict {
	if r.failed {
		return stopped
	}
	r.disturb()
	r.rouse()
	r.count.Turns++
	r.runTasks()
	r.readFresh()
	r.again = false
	r.tellTurn()
	if r.stopping {
		r.end()
		return stopped
	}
	if r.pending() {
		if r.collecting() {
			return lookAgain
		}
		before := r.log.batches.held
		r.flush()
		r.again = r.again || r.log.batches.held > before
	}
	r.bury()
	if r.again || r.pending() || r.workDone < len(r.work) || r.inbox.size.Load() > 0 && !defectSleepsOverTasks {
		return lookAgain
	}
	if ahead := r.wheel.next(); ahead != r.alarm {
		r.alarm = ahead
		r.poller.alarm(ahead)
	}
	r.sleep.Store(true)
	if r.inbox.size.Load() > 0 && !defectSleepsOverTasks && r.sleep.CompareAndSwap(true, false) {
		return lookAgain
	}
	r.rested = true
	return waitForMore
}

func (r *Reactor) tick() {
	now := uint32(time.Since(r.epoch) / Tick)
	if now == r.wheel.now {
		return
	}
	r.alarm = alarmUnknown
	r.wheel.advance(now, &r.slots, r.expired)
	if now-r.trimmed >= uint32(time.Second/Tick) && !r.pending() {
		r.trimmed = now
		r.log.trim()
		r.backlogs.trim()
		r.bulk.trim()
		r.express.trim()
	}
}

const alarmUnknown = ^uint32(0)

func (r *Reactor) expire(n uint32) {
	if r.slots.table.At(n).flags&listening != 0 {
		r.resumeAccept(n)
		return
	}
	r.tellExpired(n)
}

// runTasks runs what was posted, as long as pending sequences are not heavy.
func (r *Reactor) runTasks() {
	for !r.log.isHeavy() {
		if r.workDone == len(r.work) {
			clear(r.work)
			r.work = r.work[:0]
			r.workDone = 0
			if cap(r.work) > 4096 {
				r.work = nil
			}
			if r.inbox.size.Load() == 0 {
				return
			}
			r.work = r.inbox.take(r.work)
		}
		t := r.work[r.workDone]
		r.work[r.workDone] = nil
		r.workDone++
		r.do(t)
	}
}

// Idle says that no task waits and no pending sequence is heavy: then work that a task would do may be done at once
// without overtaking anything.
func (r *Reactor) Idle() bool {
	return !r.log.isHeavy() && r.workDone == len(r.work) && r.inbox.size.Load() == 0
}
