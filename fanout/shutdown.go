package fanout

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// Shutdown ends the hub: it stops accepting, waits for Config.DrainGrace, then closes every spoke with 1012 and a hint
// when to come back, spread over Config.DrainPeriod. What is queued for a spoke is sent ahead of the close frame, and
// OnDisconnection is called. It returns when all are gone; when ctx ends first, the rest is cut off and the error is that
// of ctx. Further calls wait for the first, or cut it short when their ctx ends. It must not be called from a callback
// without a deadline: it waits for them.
func (h *Hub) Shutdown(ctx context.Context) error {
	first := h.state.CompareAndSwap(serving, shutting)
	if !first {
		select {
		case <-h.closed:
			return nil
		default:
		}
		select {
		case <-h.closed:
			return nil
		case <-ctx.Done():
			h.stop()
			return ctx.Err()
		}
	}
	h.stopListening()
	err := h.drain(ctx)
	left := max(h.live.Load(), 0)
	h.stop()
	if err != nil {
		return fmt.Errorf("shutdown: %d connections cut off: %w", left, err)
	}
	return nil
}

func (h *Hub) stopListening() {
	h.mu.Lock()
	stops := h.listening
	h.listening = nil
	h.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
}

func (h *Hub) drain(ctx context.Context) error {
	ctx, cutShort := context.WithCancel(ctx)
	defer cutShort()
	go func() {
		select {
		case <-h.closed:
			cutShort()
		case <-ctx.Done():
		}
	}()
	if h.live.Load() > 0 && !sleep(ctx, h.cfg.DrainGrace) {
		return ctx.Err()
	}
	for _, l := range h.lanes {
		l.ask(func(*netpoll.Reactor) { l.drain() })
	}
	for h.live.Load() > 0 {
		select {
		case <-h.empty:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return h.crew.settle(ctx, h.lanes)
}

// cutOff is how long the callbacks of connections that were cut off may take before they are left alone.
const cutOff = time.Second

func (h *Hub) stop() {
	h.stopOnce.Do(func() {
		for _, l := range h.lanes {
			l.ask(func(*netpoll.Reactor) { l.cutOff() })
		}
		patience, cancel := context.WithTimeout(context.Background(), cutOff)
		defer cancel()
		_ = h.crew.settle(patience, h.lanes)
		stats := h.Stats()
		h.final.Store(&stats)
		h.stopLanes()
		h.web.stop()
		h.crew.release()
		h.state.Store(down)
		close(h.closed)
	})
}

// cutOff ends what drain has left.
func (l *lane) cutOff() {
	for s := range l.all() {
		l.remove(s, Cause{Kind: CauseShutdown})
		l.end(s, netpoll.DropClosed)
	}
}

// drain begins to close the lane's spokes, each at a moment of its own within the drain period.
func (l *lane) drain() {
	period := l.hub.cfg.DrainPeriod
	l.draining = period > 0
	for s := range l.all() {
		switch {
		case s.phase == handshaking:
			l.refuseShake(s, refuseDown)
		case s.phase == open && period > 0:
			l.reactor.SetDeadline(s.conn.Slot, 1+time.Duration(rand.Int64N(int64(period))))
		case s.phase == open:
			l.drainNow(s)
		}
	}
}

func (l *lane) drainNow(s *Spoke) {
	l.closeWith(s, Cause{Kind: CauseShutdown, Code: CodeRestart, Reason: retryReason(retryAfter + l.hub.cfg.DrainPeriod)})
}

// schedulePing sets the first check of a spoke, at a moment that spreads the pings of spokes that came together.
func (l *lane) schedulePing(s *Spoke) {
	interval := l.hub.cfg.PingInterval
	if interval > 0 {
		interval = interval/2 + time.Duration(rand.Int64N(int64(interval/2)+1))
	}
	l.reactor.SetDeadline(s.conn.Slot, interval)
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
