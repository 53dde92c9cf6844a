package fanout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spokehub/spokehub/event"
)

var (
	// ErrInvalid says that an event breaks a rule of the envelope. It comes with the event.Fault, wrapped beside it.
	ErrInvalid = errors.New("invalid event")
	// ErrTooLong says that the frame of an event is longer than Config.QueueLimit, so that it fits into no queue, or the event longer than the broker takes. What wraps it
	// says which, and the limit.
	ErrTooLong = errors.New("event too long")
	// ErrNoStream says that an event has an idempotency key, or a topic was asked for its history, and its type has no stream: no policy in
	// Config.Policies keeps history of it.
	ErrNoStream = errors.New("the type has no stream: it needs a policy with history")
)

// Receipt is what Publish tells of an event that it has sent. Fields may be added to it.
type Receipt struct {
	// Matched is how many subscribers the event's topics had on this hub when it was sent. A spoke that is subscribed to the type and to the
	// type and id gets one copy and counts twice: one number for each topic is there at once, and to find out who has both would
	// mean to wait for the reactors. A subscriber that begins to close before the event reaches its reactor, as all do in Shutdown,
	// counts and does not get it.
	Matched int
	// Position is where the event is in its stream; the zero value if its type has none.
	Position event.Position
	// Repeated says that the stream had an event with the idempotency key already, so that this one was not sent: Position is that of
	// the first one.
	Repeated bool
}

// PublishOptions are what few events need.
type PublishOptions struct {
	// IdempotencyKey is up to 256 bytes of any text. Of the events of a stream that have the same key, within five minutes of the first,
	// only the first is sent: who does not know whether an event was published may publish it again. Repeats get the first one's
	// position, whatever their payload. A stream remembers 16,384 keys; one on NATS that keeps events for less than five minutes (stream.History.Age) remembers them
	// for that long. Empty for none.
	IdempotencyKey string
}

// Publish is DispatchEvent for a caller that can wait. It sends the event and returns a receipt, or returns an error and does
// not: ErrInvalid, ErrTooLong, ErrClosed, or the error of ctx, each wrapped. In a cluster an event of a stream is sent once the broker has it; if that does not
// take it, or ctx ends meanwhile, the error is ErrBroker.
//
// It waits while a reactor is behind or a subscriber is, one that goes on reading but has much of its queue filled: so what
// comes faster than healthy readers take it, is not what closes them. A subscriber that reads nothing for a second, or has
// not caught up in five, is not waited for any more and closed with 1013 when its queue is full. Whatever subscribers do, a
// quarter of Config.QueueLimit passes a second of each topic; and for less than half of its subscribers a topic is held back for
// five seconds at most, and after that a tenth of the time.
//
// Subscribers on other hubs are not waited for.
//
// Any goroutine may call it, callbacks included, except a reactor's, on which only Config.Logger runs: there it might wait for
// itself. When Shutdown begins to close the spokes, who waits returns ErrClosed.
func (h *Hub) Publish(ctx context.Context, e event.Event) (Receipt, error) {
	return h.PublishWith(ctx, e, PublishOptions{})
}

// PublishWith is Publish with options. ErrNoStream is an idempotency key with a type that has no stream, and stream.ErrKey one that is too long.
func (h *Hub) PublishWith(ctx context.Context, e event.Event, options PublishOptions) (Receipt, error) {
	if err := e.Validate(); err != nil {
		h.counters.invalidEvents.Add(1)
		h.log.invalidEvent(err)
		return Receipt{}, fmt.Errorf("publish: %w: %w", ErrInvalid, err)
	}
	for pause := throttleStep; ; pause = min(2*pause, maxThrottle) {
		if err := h.whyOver(ctx); err != nil {
			return Receipt{}, fmt.Errorf("publish: %w", err)
		}
		out := outgoing{event: e, waits: true}
		out.key, out.ctx = options.IdempotencyKey, ctx
		switch h.publish(&out) {
		case published:
			if !out.isRepeated {
				h.counters.dispatched.Add(1)
			}
			return Receipt{Matched: out.matched, Position: out.position, Repeated: out.isRepeated}, nil
		case unavailable:
			h.counters.unavailable.Add(1)
			return Receipt{}, fmt.Errorf("publish %q: %w", e.Type, out.err)
		case tooLong:
			return Receipt{}, fmt.Errorf("publish: %w: its frame is longer than Config.QueueLimit allows, %d bytes, or fifteen sixteenths of that in a stream", ErrTooLong, h.cfg.QueueLimit)
		}
		if err := h.awaitRoom(ctx, pause); err != nil {
			return Receipt{}, fmt.Errorf("publish: %w", err)
		}
	}
}

// whyOver says why an event may not be sent any more, nil if it may.
func (h *Hub) whyOver(ctx context.Context) error {
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
