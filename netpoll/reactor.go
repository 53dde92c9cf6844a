package netpoll

import (
	"errors"
	"fmt"
	"time"
)

// Config says how a reactor works. The zero value of each field but Handler means its default.
type Config struct {
	// Handler is told what happens. Required.
	Handler Handler
	// Engine is how the reactor waits. Default: EngineDefault.
	Engine Engine
	// Alone says that the process has no other reactor, which lets EngineDefault choose what is best for one.
	Alone bool
	// QueueLimit is the number of unsent bytes a connection may have queued, where each frame behind the first counts for 64
	// bytes more than it has. Default 1 MiB.
	QueueLimit int
	// ReadBuffer is the size of the buffer that all reads share, in bytes. Default 64 KiB.
	ReadBuffer int
	// Slice bounds the time that a turn spends on each kind of work before the others get theirs: on reading and accepting,
	// on deadlines, on sending. Default 500 us.
	Slice time.Duration
	// Collect bounds the time that a turn goes on collecting frames while more keep coming. Default 50 us; negative
	// turns it off.
	Collect time.Duration
}

// Reactor owns connections: one goroutine reads, queues and sends for all of them. What other goroutines want of it they
// post as tasks.
//
// Owners: mail is for any goroutine, done is closed by Run, cfg and poller never change; all else belongs to the
// reactor's goroutine. Methods say whether other goroutines may call them; where they say nothing, only the handler and
// tasks may, and a build with the tag faults checks it.
//
// I1: a descriptor is registered, changed and closed only on the reactor's goroutine, and closed only behind a turn.
// I2: a read comes behind all tasks that were posted before it, so what a peer did after a task was posted, it did after
// that task was run.
// I3: while pending sequences are heavy, neither tasks run nor connections are read.
// I4: no method of the handler is called from within another, nor from within a task.
// I5: a deadline comes behind the reading and the tasks of its turn, and behind a last read and a last write of its own: see
// expire.
type Reactor struct {
	cfg    Config
	owner  owner
	poller poller
	mail   mailbox
	done   chan struct{}
	turns  turnState
	conns  connTable
	sender Sender
	wheel  wheel
	layers
	listen  listeners
	sockets sockets
}

// layers are what stands between some connections and their sockets. It belongs to the reactor's goroutine.
type layers struct {
	links   links
	secured tlsSessions
}

// sockets is what the reactor reads and writes with, and how much it did. It belongs to the reactor's goroutine.
type sockets struct {
	// buffer is where every read lands.
	buffer []byte
	vector vector
	// intake are those that wait to be read.
	intake intake
	Traffic
}

const (
	defaultQueueLimit = 1 << 20
	maxQueueLimit     = 1 << 30
	defaultReadBuffer = 64 << 10
	defaultSlice      = 500 * time.Microsecond
	defaultCollect    = 50 * time.Microsecond
)

// New makes a reactor. It owns descriptors from now on, but runs only with Run. The error names the field of cfg that is
// wrong, or what the system refused.
func New(cfg Config) (*Reactor, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Reactor{
		cfg:     cfg,
		done:    make(chan struct{}),
		layers:  layers{links: links{bySlot: make(map[uint32]*link)}},
		turns:   turnState{clock: newClock()},
		wheel:   newWheel(),
		sockets: sockets{buffer: make([]byte, cfg.ReadBuffer)},
	}
	r.sender = newSender(cfg.QueueLimit, r, &r.owner)
	if r.poller, err = newPoller(r); err != nil {
		return nil, fmt.Errorf("netpoll: %w", err)
	}
	return r, nil
}

func (c Config) withDefaults() (Config, error) {
	if c.Handler == nil {
		return c, errors.New("netpoll: Config.Handler: a reactor needs one")
	}
	for _, f := range []struct {
		name  string
		value int
	}{{"QueueLimit", c.QueueLimit}, {"ReadBuffer", c.ReadBuffer}, {"Slice", int(c.Slice)}} {
		if f.value < 0 {
			return c, fmt.Errorf("netpoll: Config.%s: %d is negative", f.name, f.value)
		}
	}
	if c.QueueLimit > maxQueueLimit {
		return c, fmt.Errorf("netpoll: Config.QueueLimit: %d is over 1 GiB", c.QueueLimit)
	}
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
	return c, nil
}

// Run serves until Stop. It blocks; start it once, on a goroutine of its own.
func (r *Reactor) Run() {
	defer close(r.done)
	r.poller.run()
	r.links.running.Wait()
}

// Done is closed when Run has returned.
func (r *Reactor) Done() <-chan struct{} { return r.done }

// Handler is the handler that the reactor was made with. Any goroutine may ask.
func (r *Reactor) Handler() Handler { return r.cfg.Handler }

// Sender owns what the reactor's connections have to send. Any goroutine may ask for it, the reactor's alone may use it.
func (r *Reactor) Sender() *Sender { return &r.sender }

// Count returns the reactor's counters. It takes time in proportion to the connections.
func (r *Reactor) Count() Counters {
	c := r.Glance()
	r.sender.addQueued(&c)
	return c
}

// Glance is Count without Queued: it takes as long for many connections as for few.
func (r *Reactor) Glance() Counters {
	r.owner.assert()
	c := Counters{
		Traffic:      r.sockets.Traffic,
		Connections:  uint64(r.conns.used - r.listen.open),
		Turns:        r.turns.count,
		AcceptPauses: r.listen.pauses,
		Panics:       r.turns.panics,
	}
	r.sender.addTo(&c)
	r.turns.clock.busy.addTo(&c, r.turns.clock.elapsed())
	return c
}
