package fanout

import (
	"context"
	"fmt"
	"time"

	"github.com/spokehub/spokehub/event"
)

// Publish is DispatchEvent for a caller that can wait. It sends the event, or returns an error and does not: a Fault, wrapped,
// for an invalid event, an error for one whose frame is longer than Config.QueueLimit, that of ctx, or ErrClosed.
//
// It waits while a reactor is behind or a subscriber is, one that goes on reading but has much of its queue filled: so what
// comes faster than healthy readers take it, is not what closes them. A subscriber that reads nothing for a second, or has
// not caught up in five, is not waited for any more and closed with 1013 when its queue is full. Whatever subscribers do, a
// quarter of Config.QueueLimit passes a second of each topic; and for less than half of its subscribers a topic is held back for
// five seconds at most, and after that a tenth of the time.
//
// Any goroutine may call it, callbacks included, except a reactor's, on which only Config.Logger runs: there it might wait for
// itself. When Shutdown begins to close the spokes, who waits returns ErrClosed.
func (h *Hub) Publish(ctx context.Context, e event.Event) error {
	if err := e.Validate(); err != nil {
		h.counters.invalidEvents.Add(1)
		h.log.invalidEvent(err)
		return fmt.Errorf("publish: %w", err)
	}
	for pause := throttleStep; ; pause = min(2*pause, maxThrottle) {
		if err := h.mayPublish(ctx); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		switch h.publish(&outgoing{event: e, waits: true}) {
		case published:
			h.counters.dispatched.Add(1)
			return nil
		case tooLong:
			return fmt.Errorf("publish: the frame of the event is longer than Config.QueueLimit, %d bytes", h.cfg.QueueLimit)
		}
		if err := h.awaitRoom(ctx, pause); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
}

// mayPublish says why an event may not be sent any more.
func (h *Hub) mayPublish(ctx context.Context) error {
	select {
	case <-h.lifecycle.closed:
		return ErrClosed
	default:
		return ctx.Err()
	}
}

// awaitRoom waits before the next attempt, unless the hub is closing.
func (h *Hub) awaitRoom(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-h.lifecycle.open.Done():
		return ErrClosed
	}
}
