package nats

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/broker"
)

// news is what the handlers of the client library and the other goroutines tell the keeper. Handlers only write it down: they may not call the sink.
// All but signal is guarded by mu.
type news struct {
	signal chan struct{}
	mu     sync.Mutex
	// session counts connections and ends of them: odd while there is a connection.
	session int
	// fault is why there is none, as far as is known, and reason what Reconnect was told.
	fault, reason error
	// losses are reasons for Sink.Lost that were not told yet.
	losses []string
}

// maxLosses bounds the reasons that wait; one says enough for the hub to look after all.
const maxLosses = 4

func newNews() news { return news{signal: make(chan struct{}, 1)} }

func (n *news) wake() {
	select {
	case n.signal <- struct{}{}:
	default:
	}
}

func (n *news) connected() {
	n.mu.Lock()
	n.session += 1 + n.session%2
	n.reason = nil
	n.mu.Unlock()
	n.wake()
}

// disconnected is the end of a connection. From then on up is false: it changes with the session, so that the keeper can't set it for a connection that
// has ended.
func (n *news) disconnected(err error, up *atomic.Bool) {
	n.mu.Lock()
	up.Store(false)
	n.session += n.session % 2
	if n.reason != nil {
		err = n.reason
	}
	n.fault, n.reason = err, nil
	n.mu.Unlock()
	n.wake()
}

// failed is an attempt to connect that has failed.
func (n *news) failed(err error) {
	if errors.Is(err, errFirst) {
		return
	}
	n.mu.Lock()
	n.fault = err
	n.mu.Unlock()
	n.wake()
}

// because is why the connection is about to be dropped.
func (n *news) because(reason error) {
	n.mu.Lock()
	n.reason = reason
	n.mu.Unlock()
}

func (n *news) lost(reason string) {
	n.mu.Lock()
	if len(n.losses) < maxLosses {
		n.losses = append(n.losses, reason)
	}
	n.mu.Unlock()
	n.wake()
}

func (n *news) read() (session int, fault error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.session, n.fault
}

func (n *news) takeLosses() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	losses := n.losses
	n.losses = nil
	return losses
}

const (
	// restoreTimeout bounds how long the server may take to confirm what was restored after a reconnect: a million subscriptions take a while, and a server
	// that is not there any more is found by pings. refreshTimeout bounds how long JetStream may keep the hub from going on.
	restoreTimeout = time.Minute
	refreshTimeout = 5 * time.Second
	// faultInterval is how often the keeper asks the client library why there is still no connection.
	faultInterval = 500 * time.Millisecond
	// tellInterval is how long the sink is spared other reasons for the same absence: each server that is tried may have its own.
	tellInterval = 5 * time.Second
)

// keeper is what the goroutine that tells the sink of Up, Down and Lost knows. It belongs to that goroutine.
type keeper struct {
	// session is the one that was dealt with last.
	session int
	// told is the text of the last Down, empty while the engine is up, and toldAt when that was.
	told   string
	toldAt time.Time
	// ups counts the times that the engine was up.
	ups   int
	probe probe
	// retried is when refused keys were tried again, and refused when the server refused some while they were restored; zero unless that is so.
	retried, refused time.Time
}

// keep tells the sink of what happens to the connection, in order, and restores what is wanted when there is a new one.
func (e *Engine) keep() {
	k := keeper{probe: newProbe()}
	ticks := time.NewTicker(faultInterval)
	defer ticks.Stop()
	for {
		select {
		case <-e.life.ctx.Done():
			return
		case <-e.news.signal:
		case <-ticks.C:
			if e.link.there.Load() {
				e.link.measure()
			}
			e.askFault(&k)
			e.listenToSelf(&k)
			e.retryRefused(&k)
			e.dropRefused(&k)
		}
		e.follow(&k)
	}
}

// askFault finds the reasons that the client library calls no handler for.
func (e *Engine) askFault(k *keeper) {
	if session, _ := e.news.read(); session%2 == 0 {
		if err := e.link.conn.LastError(); err != nil && !errors.Is(err, errFirst) {
			e.news.failed(err)
		}
	}
}

// follow does what the news ask for.
func (e *Engine) follow(k *keeper) {
	session, fault := e.news.read()
	if session != k.session {
		if k.told == "" && k.ups > 0 && e.life.ctx.Err() == nil {
			e.tellDown(k, fault)
		}
		k.session = session
		k.refused = time.Time{}
		if session%2 == 1 {
			err := e.restore(session)
			if current, _ := e.news.read(); errors.Is(err, broker.ErrRefused) && current == session {
				e.tellDown(k, err)
				k.refused = time.Now()
				e.news.because(err)
				return
			} else if err != nil {
				if current == session {
					e.link.drop()
				}
				return
			}
		}
		if session%2 == 1 {
			e.tellUp(k)
		}
	}
	if session%2 == 0 && fault != nil {
		e.tellDown(k, fault)
	}
	if e.link.up.Load() {
		for _, reason := range e.news.takeLosses() {
			e.life.sink.Lost(reason)
		}
	}
}

func (e *Engine) tellDown(k *keeper, fault error) {
	err := e.explain(fault)
	if k.told == err.Error() || k.told != "" && time.Since(k.toldAt) < tellInterval || e.life.ctx.Err() != nil {
		return
	}
	k.told, k.toldAt = err.Error(), time.Now()
	e.config.Logger.Warn("nats: not connected", "error", err)
	e.life.sink.Down(err)
}

func (e *Engine) tellUp(k *keeper) {
	if e.life.ctx.Err() != nil {
		return
	}
	k.told = ""
	k.ups++
	e.config.Logger.Info("nats: connected", "server", e.link.conn.ConnectedAddr(), "version", e.link.conn.ConnectedServerVersion())
	e.life.sink.Up()
	if k.ups > 1 {
		e.news.lost("reconnected")
	}
}

// dropRefused gives up a connection after a while whose server has refused what was to be restored: another server may take it, or this one by then.
func (e *Engine) dropRefused(k *keeper) {
	if !k.refused.IsZero() && time.Since(k.refused) >= refusalPause {
		k.refused = time.Time{}
		e.link.drop()
	}
}

// errOver says that the connection of a session was not good enough to restore what is wanted.
var errOver = errors.New("the connection has ended")

// restore subscribes to what is wanted and not yet in force, and reads where the streams are. The error is errOver, or broker.ErrRefused with what to do.
func (e *Engine) restore(session int) error {
	ctx, cancel := e.within(restoreTimeout)
	defer cancel()
	for {
		if err := e.keys.resume(e); err != nil {
			return errOver
		}
		if err := e.link.conn.FlushWithContext(ctx); err != nil {
			return errOver
		}
		if e.keys.inForce() {
			break
		}
	}
	if err := e.whyNotRestored(ctx); err != nil {
		return err
	}
	asking, stop := context.WithTimeout(ctx, refreshTimeout)
	defer stop()
	e.refresh(asking, e.keys.streams())
	e.news.mu.Lock()
	defer e.news.mu.Unlock()
	if e.news.session != session {
		return errOver
	}
	e.link.up.Store(true)
	return nil
}

// whyNotRestored says what the server has refused of what was restored. A connection begins with none.
func (e *Engine) whyNotRestored(ctx context.Context) error {
	if e.refusals.await(ctx, e.link.conn, e.refusals.fullsBefore()) {
		return e.notPermitted("", "")
	}
	if answers := e.calls.inbox + ".*"; e.refusals.take(answers) {
		return e.notPermitted(toSubscribe, answers)
	}
	return e.whyRefused(ctx, e.refusals.fulls(), e.keys.all(), nil)
}
