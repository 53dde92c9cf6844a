package nats

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/broker"
)

// callTimeout bounds every question to the servers, and every append, whatever their context allows.
const callTimeout = 10 * time.Second

// Engine connects a hub to others over NATS. New makes one; it begins with Start. All methods are safe for concurrent use.
type Engine struct {
	config   Config
	servers  servers
	subjects subjects
	link     link
	keys     keys
	calls    calls
	refusals *refusals
	streams  streams
	news     news
	queue    *queue
	// reading has a place for each page that is being read.
	reading chan struct{}
	life    life
}

// life is when an engine begins and ends. The state is guarded by mu; ctx ends with Close.
type life struct {
	ctx     context.Context
	cancel  context.CancelFunc
	mu      sync.Mutex
	started bool
	closed  atomic.Bool
	running sync.WaitGroup
	sink    broker.Sink
}

func newEngine(c Config, s servers) *Engine {
	e := &Engine{config: c, servers: s, subjects: subjects{prefix: c.Prefix}, queue: newQueue(c.Queue, c.QueueBytes), reading: make(chan struct{}, readers)}
	e.life.ctx, e.life.cancel = context.WithCancel(context.Background())
	e.calls = newCalls(c.Prefix + replyMark + rand.Text()[:16])
	e.streams, e.refusals = newStreams(), newRefusals()
	e.keys.wanted, e.keys.refused = map[broker.Key]*subscription{}, map[broker.Key]bool{}
	e.news = newNews()
	return e
}

// Start begins to connect and returns at once. It may be called once. The error is that of settings which can't work.
func (e *Engine) Start(s broker.Sink) error {
	e.life.mu.Lock()
	defer e.life.mu.Unlock()
	switch {
	case e.life.closed.Load():
		return broker.ErrClosed
	case e.life.started:
		return errors.New("nats: Start was called already: an engine has one sink")
	}
	e.life.sink = s
	if err := e.link.open(e); err != nil {
		return err
	}
	e.life.started = true
	e.life.running.Go(e.keep)
	e.life.running.Go(e.deliverAll)
	e.life.running.Go(func() { e.queue.pump(e.life.ctx, e.hear) })
	return nil
}

// Reconnect gives up the connection and makes a new one. It returns at once; the sink sees Down, Up and Lost.
func (e *Engine) Reconnect(reason string) {
	e.config.Logger.Warn("nats: giving up the connection", "reason", reason)
	e.news.because(errors.New(reason))
	e.link.drop()
}

// Close ends all and waits until nothing of it runs. Calls that wait return broker.ErrClosed. Again it has no effect.
func (e *Engine) Close() error {
	e.life.mu.Lock()
	defer e.life.mu.Unlock()
	if e.life.closed.Swap(true) {
		return nil
	}
	e.life.cancel()
	e.calls.failAll(broker.ErrClosed)
	if e.life.started {
		e.link.close()
		e.life.running.Wait()
	}
	return nil
}

// begin says whether a call may begin: the engine is open and the context has not ended.
func (e *Engine) begin(ctx context.Context) error {
	if e.life.closed.Load() {
		return broker.ErrClosed
	}
	return ctx.Err()
}

// bounded is a context that ends with the call's own, after callTimeout, or with the engine.
func (e *Engine) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	bound, cancel := context.WithTimeout(ctx, callTimeout)
	stop := context.AfterFunc(e.life.ctx, cancel)
	return bound, func() { stop(); cancel() }
}
