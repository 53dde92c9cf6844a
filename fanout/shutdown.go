package fanout

import (
	"context"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// Shutdown ends the hub: it goes on as before for Config.DrainGrace, new connections included, then stops accepting and closes
// every spoke with 1012 and a hint when to come back, spread over Config.DrainPeriod. Say first, on whatever page a load balancer
// looks at, that the service is not ready any more: the grace is for the load balancer to notice, so it is as long where no
// spoke is connected. What is queued for a spoke is sent ahead of the close frame, and
// OnDisconnection is called. It returns when all have ended; when ctx ends first, the rest is cut off and the error is that
// of ctx. Further calls wait for the first, or cut it short when their ctx ends. It must not be called from a callback
// without a deadline, because it waits for callbacks.
//
// A service that has mounted the hub in an http.Server calls this first, and then the server's Shutdown, which neither closes
// connections that the hub has taken over nor waits for them.
func (h *Hub) Shutdown(ctx context.Context) error {
	if h.lifecycle.ending.Swap(true) {
		return h.shutdownAgain(ctx)
	}
	err := h.drain(ctx)
	left := max(h.admission.spokes.Load(), 0)
	h.stop()
	if err != nil {
		return fmt.Errorf("shutdown: %d connections cut off: %w", left, err)
	}
	return nil
}

func (h *Hub) shutdownAgain(ctx context.Context) error {
	select {
	case <-h.lifecycle.closed:
		return nil
	default:
	}
	select {
	case <-h.lifecycle.closed:
		return nil
	case <-ctx.Done():
		h.stop()
		return ctx.Err()
	}
}

// abort ends a hub whose reactor broke.
func (h *Hub) abort(err error) {
	h.lifecycle.fail(err)
	expired, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.Shutdown(expired)
}

// drain waits for the grace, closes all spokes and waits until they have ended and their callbacks have returned.
func (h *Hub) drain(ctx context.Context) error {
	ctx, cutShort := context.WithCancel(ctx)
	defer cutShort()
	go func() {
		select {
		case <-h.lifecycle.closed:
			cutShort()
		case <-ctx.Done():
		}
	}()
	waited := sleep(ctx, h.cfg.DrainGrace)
	h.lifecycle.stopListening()
	if !waited {
		return ctx.Err()
	}
	h.lifecycle.beginClosing()
	for _, l := range h.loops {
		l.ask(func(*netpoll.Reactor) { l.drain() })
	}
	for h.admission.spokes.Load() > 0 {
		select {
		case <-h.admission.empty:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return h.workers.awaitCallbacks(ctx, h.loops)
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// drainMoments are those at which the spokes of a loop are closed in a drain. That of a spoke can be told again whenever another of its
// deadlines has come first, so none keeps it. It belongs to the loop's goroutine.
type drainMoments struct {
	began, period time.Duration
	seed          maphash.Seed
}

// of is the moment of a spoke, by the reactor's time.
func (m *drainMoments) of(s *Spoke) time.Duration {
	if m.period <= 0 {
		return m.began
	}
	return m.began + 1 + time.Duration(maphash.Comparable(m.seed, s.id)%uint64(m.period))
}

// drain begins to close the loop's spokes, each at a moment of its own within the drain period.
func (l *loop) drain() {
	period := l.hub.cfg.DrainPeriod
	l.ending.draining, l.ending.drain = true, drainMoments{began: l.reactor.Now(), period: period, seed: maphash.MakeSeed()}
	for s := range l.all() {
		switch {
		case s.phase == handshaking:
			l.turnAway(s, refuseDown)
		case s.phase == open && period > 0:
			l.drainInTime(s)
		case s.phase == open:
			l.drainOne(s)
		}
	}
}

// drainInTime closes a spoke if its moment has come, or waits for that and for what is due before: a deadline that has come may be one
// that was met.
func (l *loop) drainInTime(s *Spoke) {
	left := l.ending.drain.of(s) - l.reactor.Now()
	if left <= 0 {
		l.drainOne(s)
		return
	}
	l.reactor.SetDeadline(s.conn.Slot, left)
	l.watchDues(s)
}

// drainOne closes a spoke, once it has the snapshot that it waits for: what is queued behind that is not lost.
func (l *loop) drainOne(s *Spoke) {
	if l.isGated(s) {
		l.reactor.SetDeadline(s.conn.Slot, netpoll.Tick)
		return
	}
	l.closeForRestart(s)
}

func (l *loop) closeForRestart(s *Spoke) {
	l.closeWith(s, Cause{Kind: CauseShutdown, Code: CodeRestart, Reason: retryReason(retryAfter + l.hub.cfg.DrainPeriod)})
}

// lastCallbacks is how long stop waits for the callbacks of connections that were cut off.
const lastCallbacks = time.Second

// stop cuts off what is left and ends everything that the hub has started, once.
func (h *Hub) stop() {
	h.lifecycle.stopListening()
	h.lifecycle.beginClosing()
	h.lifecycle.stopOnce.Do(func() {
		h.endAll()
		h.endAll()
		patience, cancel := context.WithTimeout(context.Background(), lastCallbacks)
		defer cancel()
		_ = h.workers.awaitCallbacks(patience, h.loops)
		stats := h.Stats()
		stats.Topics, stats.Subscriptions, stats.Memory.Subscriptions = 0, 0, 0
		stats.PresenceRooms, stats.PresenceMembers, stats.PresenceWatchers = 0, 0, 0
		stats.Streams, stats.StreamEvents, stats.Memory.Streams = 0, 0, 0
		h.lifecycle.final.Store(&stats)
		h.cluster.close()
		h.stopLoops()
		h.streams.close()
		h.index.Clear()
		h.users.Clear()
		h.presence.stop()
		h.httpServer.stop()
		h.workers.stop()
		close(h.lifecycle.closed)
	})
}

// endAll ends what is left on every loop. A connection that one loop had accepted for another before the hub stopped serving
// leaves that loop at the end of the turn; so it is on its new loop, or refused there, when endAll is called again.
func (h *Hub) endAll() {
	for _, l := range h.loops {
		l.ask(func(*netpoll.Reactor) {
			l.ending.cut = true
			for s := range l.all() {
				l.end(s, Cause{Kind: CauseShutdown})
			}
		})
	}
}
