package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// unknown is a moment that has not come, or that nobody knows.
const unknown = 1 << 62

// publication is an event that was published, or might have been.
type publication struct {
	number int
	event  event.Event
	node   *node
	// from is the client that sent it, nil for the embedder. sender is whose order it has a place in.
	from   *client
	sender string
	key    string
	// began is a moment ahead of it, ended one behind it: from then on it was dispatched here, and on its way elsewhere. mu of the list guards it.
	began, ended int64
	// isAnswered says that there is a receipt or an error: what Publish has returned.
	isAnswered bool
	receipt    fanout.Receipt
	err        error
}

// publications are all of them, by number. mu guards all.
type publications struct {
	mu      sync.Mutex
	all     []*publication
	running sync.WaitGroup
}

// newPublication has an event be ready to be published.
func (w *world) newPublication(n *node, from *client, sender, typ, id string, pad int) *publication {
	l := &w.published
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &publication{number: len(l.all) + 1, node: n, from: from, sender: sender, ended: unknown}
	p.event = event.Event{Type: typ, ID: id, Payload: fmt.Appendf(nil, `{"n":%d,"pad":"%s"}`, p.number, strings.Repeat("x", pad))}
	p.began = w.clock.Add(1)
	l.all = append(l.all, p)
	return p
}

// finish notes that a publication is on its way.
func (w *world) finish(p *publication) {
	w.published.mu.Lock()
	defer w.published.mu.Unlock()
	p.ended = w.clock.Add(1)
}

// snapshot are copies of all publications.
func (l *publications) snapshot() []publication {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]publication, len(l.all))
	for i, p := range l.all {
		all[i] = *p
	}
	return all
}

// dispatch has the embedder dispatch an event.
func (w *world) dispatch(n *node, sender, typ, id string, pad int) {
	p := w.newPublication(n, nil, sender, typ, id, pad)
	n.hub.DispatchEvent(p.event)
	w.finish(p)
}

// publish has the embedder publish an event and wait for its receipt.
func (w *world) publish(n *node, sender, typ, id, key string, pad int) {
	p := w.newPublication(n, nil, sender, typ, id, pad)
	w.published.mu.Lock()
	p.key = key
	w.published.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	defer cancel()
	receipt, err := n.hub.PublishWith(ctx, p.event, fanout.PublishOptions{IdempotencyKey: key})
	w.finish(p)
	w.published.mu.Lock()
	defer w.published.mu.Unlock()
	p.isAnswered, p.receipt, p.err = true, receipt, err
}

// soon does something beside the driver.
func (w *world) soon(do func()) { w.published.running.Go(do) }

// awaitPublished waits until all that runs beside the driver is done.
func (w *world) awaitPublished() bool {
	done := make(chan struct{})
	go func() {
		w.published.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(*patience):
		return false
	}
}

// isUnsure says whether an error of Publish leaves open what has become of the event.
func isUnsure(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, fanout.ErrClosed)
}
