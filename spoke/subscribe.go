package spoke

import (
	"context"
	"errors"
	"fmt"

	"github.com/spokehub/spokehub/event"
)

// Subscribe wants the topics until Unsubscribe, as a listener would, and waits until they are in force: what is dispatched from then on
// comes. Without a connection it waits for one, and also while the hub can't take a topic yet ([event.Unavailable]), which is asked for again
// until then: ctx bounds both. If the hub refuses some of them, the error joins a *RejectError for each; otherwise it
// is that of ctx, or why the client has ended. After an error this call wants none of them.
//
// A listener or callback that calls it waits for itself, until ctx ends or Close is called: the hub's answer is read when it returns. Call
// it elsewhere.
func (c *Client) Subscribe(ctx context.Context, topics ...string) error {
	for _, name := range topics {
		if _, _, err := event.SplitTopic(name); err != nil {
			return fmt.Errorf("spoke: subscribe to %q: %w", name, err)
		}
	}
	c.acquire(topics...)
	var refusals []error
	for _, name := range topics {
		err := c.awaitInForce(ctx, name)
		if err == nil {
			continue
		}
		refusals = append(refusals, err)
		if _, isRefusal := errors.AsType[*RejectError](err); !isRefusal {
			break
		}
	}
	if len(refusals) > 0 {
		c.release(topics...)
	}
	return errors.Join(refusals...)
}

// Unsubscribe gives up topics that Subscribe has subscribed to. Each call undoes one of Subscribe; listeners keep their topics. It does
// not wait for the hub.
func (c *Client) Unsubscribe(topics ...string) { c.release(topics...) }

// awaitInForce waits until a topic that is wanted is in force or refused.
func (c *Client) awaitInForce(ctx context.Context, name string) error {
	for {
		settled, changed, err := c.look(name)
		if settled {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("spoke: subscribe to %q: %s%w", name, c.holdUp(name), ctx.Err())
		case <-c.signals.ctx.Done():
			return c.whyGone()
		}
	}
}

// holdUp says what a topic waits for, if that is known.
func (c *Client) holdUp(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch of := c.topics.of[name]; {
	case c.link == nil:
		return "there is no connection yet: "
	case of != nil && of.delay > 0:
		return "the hub can't take it now, since its broker is away (" + string(event.Unavailable) + "); wait longer, or see the hub's log: "
	}
	return ""
}

// look says whether a topic is in force or refused, which err tells, or no longer wanted; changed is closed when that changes.
func (c *Client) look(name string) (settled bool, changed <-chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || c.closing {
		return true, nil, c.whyEnded()
	}
	of := c.topics.of[name]
	switch {
	case of == nil:
		return true, nil, nil
	case of.phase == refused:
		return true, of.wait(), &RejectError{Topic: name, Reason: of.reason}
	}
	return of.phase == inForce && of.doubted == "", of.wait(), nil
}
