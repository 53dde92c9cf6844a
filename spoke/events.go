package spoke

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/spokehub/spokehub/event"
)

// Events returns a loop over the events of a topic:
//
//	for e, err := range client.Events(ctx, "price:EURUSD") {
//
// The topic is subscribed to while the loop runs. Up to Config.EventBuffer events wait for it; Config.WhenFull says what happens
// then. The loop owns the events. It ends without an error when ctx does, whatever waits for it. Its last pair has an error, and no event, if the hub refuses the
// topic (*RejectError), the buffer was full (ErrSlowReader), the topic is not valid, or the client has ended. A *DroppedError is not the last: it
// stands in the place of events that were dropped.
//
// Each loop over the result is one of its own. A listener or callback may not run one: it would wait for itself.
func (c *Client) Events(ctx context.Context, topic string) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		if _, _, err := event.SplitTopic(topic); err != nil {
			yield(event.Event{}, fmt.Errorf("spoke: events of %q: %w", topic, err))
			return
		}
		b := &buffer{limit: c.cfg.EventBuffer, whenFull: c.cfg.WhenFull, more: make(chan struct{}, 1)}
		defer c.AddEventListener(topic, b.add)()
		for ctx.Err() == nil {
			e, ok, err := b.take()
			if !ok {
				err = c.awaitMore(ctx, topic, b)
			}
			if (ok || err != nil) && !yield(e, err) || isLast(err) {
				return
			}
		}
	}
}

// isLast says whether the loop ends with the error.
func isLast(err error) bool {
	_, goesOn := err.(*DroppedError)
	return err != nil && !goesOn
}

// awaitMore waits for more events. An error ends the loop: there are none and will be none.
func (c *Client) awaitMore(ctx context.Context, topic string, b *buffer) error {
	_, changed, err := c.look(topic)
	if err != nil {
		if !b.isEmpty() {
			return nil
		}
		return err
	}
	select {
	case <-b.more:
	case <-changed:
	case <-ctx.Done():
	case <-c.signals.ctx.Done():
	}
	return nil
}

// buffer is the events that wait for a loop. Any goroutine may use it.
type buffer struct {
	limit    int
	whenFull WhenFull
	// more has room for one mark that there is something.
	more chan struct{}
	mu   sync.Mutex
	// events are those that wait, behind dropped ones that were.
	events  []event.Event
	dropped int
	// full says that the loop ends behind events.
	full bool
}

func (b *buffer) add(e event.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full {
		return
	}
	if len(b.events) == b.limit {
		if b.whenFull == EndWhenFull {
			b.full = true
			return
		}
		b.events[0] = event.Event{}
		b.events = b.events[1:]
		b.dropped++
	}
	b.events = append(b.events, e.Clone())
	select {
	case b.more <- struct{}{}:
	default:
	}
}

// take takes what comes next: what was dropped, an event, or the end.
func (b *buffer) take() (e event.Event, ok bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.dropped > 0:
		err = &DroppedError{Count: b.dropped}
		b.dropped = 0
		return event.Event{}, true, err
	case len(b.events) > 0:
		e = b.events[0]
		b.events[0] = event.Event{}
		b.events = b.events[1:]
		return e, true, nil
	case b.full:
		return event.Event{}, true, ErrSlowReader
	}
	return event.Event{}, false, nil
}

func (b *buffer) isEmpty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events) == 0 && b.dropped == 0 && !b.full
}
