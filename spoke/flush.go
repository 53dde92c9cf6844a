package spoke

import (
	"context"

	"github.com/spokehub/spokehub/event"
)

// flush is a call of Flush that waits.
type flush struct {
	// events is the number of events that had been taken, and request the number of the last control event, at its call.
	events  uint64
	request uint64
	// done gets what Flush returns. It has room for that.
	done chan error
}

// flushes are the calls of Flush that wait, and the probes that are sent for them. Client.mu guards it.
type flushes struct {
	waiting []*flush
	// asked says that the hub is to be asked as soon as the events of one that waits are written, and pulse that it is to be asked
	// whoever waits.
	asked, pulse bool
	// confirmed is the number of written events that the hub has confirmed.
	confirmed uint64
	// unknown says that a connection broke ahead of that, and no call of Flush has been told.
	unknown bool
}

// Flush waits until the hub has everything that was published and subscribed to before the call, and has answered it: what it
// refuses has been told by then. Without a connection it waits for one. The error is ErrUnconfirmed if the connection broke
// before the hub had confirmed all that was sent, also ahead of the call, in which case the next call begins anew; why the client has ended; or that of ctx.
//
// A listener or callback that calls it waits for itself: the hub's answer is read when it returns. So it gets ctx's error, or
// ErrClosed once Close is called.
func (c *Client) Flush(ctx context.Context) error {
	c.mu.Lock()
	if c.err != nil || c.closing {
		defer c.mu.Unlock()
		return c.whyEnded()
	}
	if c.flushes.unknown {
		defer c.mu.Unlock()
		c.flushes.unknown = false
		return ErrUnconfirmed
	}
	f := &flush{events: c.outbox.taken, done: make(chan error, 1)}
	c.flushes.waiting = append(c.flushes.waiting, f)
	c.flushes.asked = true
	c.wakeWriter()
	c.mu.Unlock()
	select {
	case err := <-f.done:
		return err
	case <-ctx.Done():
		c.forgetFlush(f)
		return ctx.Err()
	case <-c.signals.ctx.Done():
		return c.whyGone()
	}
}

// whyGone is the error of a call that the end of the client has ended, or that of its connection by Close.
func (c *Client) whyGone() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.whyEnded()
}

// whyEnded is the error for those who come too late. The caller holds mu.
func (c *Client) whyEnded() error {
	if c.err != nil {
		return c.err
	}
	return ErrClosed
}

func (c *Client) forgetFlush(f *flush) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, other := range c.flushes.waiting {
		if other == f {
			c.flushes.waiting = append(c.flushes.waiting[:i], c.flushes.waiting[i+1:]...)
			return
		}
	}
}

// probe returns a control event that asks for nothing but its answer, if one is wanted now. The caller holds Client.mu.
func (f *flushes) probe(c *Client) []byte {
	due := f.pulse
	for _, waiting := range f.waiting {
		if f.asked && waiting.events <= c.outbox.written {
			due = true
			waiting.request = c.requests.last + 1
		}
	}
	if !due {
		return nil
	}
	f.asked, f.pulse = false, false
	number := c.requests.add(&request{kind: probe, open: 1, reached: c.outbox.written})
	return appendControl(nil, event.TypeUnsubscribe, number, topicsPayload(nil, false))
}

// answered ends the calls of Flush for which the hub has answered everything. The caller holds Client.mu.
func (f *flushes) answered(c *Client, q *request, number uint64) {
	f.confirmed = max(f.confirmed, q.reached)
	var left []*flush
	for _, waiting := range f.waiting {
		if waiting.request == 0 || waiting.events > f.confirmed || waiting.request > number || c.requests.openUpTo(waiting.request) {
			left = append(left, waiting)
			continue
		}
		waiting.done <- nil
	}
	f.waiting = left
	if len(left) > 0 && !f.asked {
		f.asked = true
		c.wakeWriter()
	}
}

// connectionLost ends the calls of Flush whose events may have been lost with the connection; the others go on with the next.
// The caller holds Client.mu.
func (f *flushes) connectionLost(o *outbox) {
	var left []*flush
	f.unknown = f.unknown || o.written > f.confirmed
	for _, waiting := range f.waiting {
		if o.written > f.confirmed && waiting.events > f.confirmed {
			waiting.done <- ErrUnconfirmed
			f.unknown = false
			continue
		}
		waiting.request = 0
		left = append(left, waiting)
	}
	f.waiting = left
	f.asked, f.pulse = len(left) > 0, false
	f.confirmed = max(f.confirmed, o.written)
}
