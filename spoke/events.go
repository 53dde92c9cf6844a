package spoke

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/spokehub/spokehub/event"
)

// Events returns a loop over the events of a topic:
//
//	for e, err := range client.Events(ctx, "price:EURUSD") {
//
// The topic is subscribed to while the loop runs. Up to Config.EventBuffer events wait for it; Config.WhenFull says what happens
// then. The loop owns the events. It waits as long as there is no connection, and as long as the hub can't take the topic yet. It ends without an error when ctx does, whatever waits for it. Its last pair has an error, and no event, if the hub refuses the
// topic (*RejectError), the buffer was full (ErrSlowReader), the topic is not valid, or the client has ended. A *DroppedError and a *GapError
// are not the last: they stand in the place of events that were dropped here, and of events that the hub won't send.
//
// Each loop over the result is one of its own. A listener or callback may not run one: it would wait for itself.
func (c *Client) Events(ctx context.Context, topic string) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		if _, _, err := event.SplitTopic(topic); err != nil {
			yield(event.Event{}, fmt.Errorf("spoke: events of %q: %w", topic, err))
			return
		}
		b := &buffer{limit: c.cfg.EventBuffer, whenFull: c.cfg.WhenFull, more: make(chan struct{}, 1)}
		defer c.join(topic, b)()
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

// join wants the topic for a loop and fills its buffer, until leave is called.
func (c *Client) join(topic string, b *buffer) (leave func()) {
	remove := c.listeners.Add(topic, func(e event.Event) { b.put(item{event: e, before: positionAhead(c.epoch, e.Offset)}) })
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.topics.acquire(topic)
	of.loops = append(of.loops, b)
	c.wakeWriter()
	return func() {
		remove()
		c.mu.Lock()
		defer c.mu.Unlock()
		of.loops = slices.DeleteFunc(of.loops, func(other *buffer) bool { return other == b })
		c.topics.release(topic)
		c.wakeWriter()
	}
}

// positionAhead is a position between an event of a stream and the one ahead of it.
func positionAhead(epoch string, offset uint64) event.Position {
	if epoch == "" || offset == 0 {
		return event.Position{}
	}
	return event.Position{Epoch: epoch, Offset: offset - 1}
}

// isLast says whether the loop ends with the error.
func isLast(err error) bool {
	switch err.(type) {
	case nil, *DroppedError, *GapError:
		return false
	}
	return true
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
