package target

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

const (
	// outboxBytes is how many bytes may wait for the engine in an outbox.
	outboxBytes = 8 << 20
	// batchEvents is how many events are handed over at once.
	batchEvents = 1024
)

// result is what has become of an event that somebody waits for.
type result struct {
	receipt Receipt
	err     error
}

// outgoing is an event on its way to the engine: a message, or one to append.
type outgoing struct {
	message broker.Message
	append  *broker.Append
	done    chan<- result
}

// outbox has what is on its way to the engine, in order: events of types without a stream, or those of streams. A target has one of each, since a stream may have to
// wait although the engine is there. Any goroutine may put something in; one hands it over. mu guards all fields but target, wake and ended, which is closed
// once all has been handed over after close.
//
// I1: appended is the sequence of the last event of a stream, sent numbers those without one.
// I2: every event of a type without a stream gets a sequence, queued or not: so others notice one that is dropped.
type outbox struct {
	target *Target
	wake   chan struct{}
	ended  chan struct{}

	mu       sync.Mutex
	waiting  []outgoing
	bytes    int
	sent     broker.Numbering
	appended uint64
	isClosed bool
}

func (o *outbox) init(t *Target) {
	o.target, o.wake, o.ended = t, make(chan struct{}, 1), make(chan struct{})
}

// put puts an event into the outbox that it belongs to, a copy. What has become of it is sent to done, unless that is nil.
func (t *Target) put(e *event.Event, key string, done chan<- result) error {
	if policy := t.streamOf(e.Type); policy != nil {
		return t.appends.putAppend(e, policy, key, done)
	}
	return t.plain.putPlain(e, done)
}

// whyNotLocked says why an event can't be taken. The state of the engine is read ahead of the lock.
func (o *outbox) whyNotLocked(isUp bool) error {
	switch {
	case o.isClosed:
		return broker.ErrClosed
	case !isUp:
		return broker.ErrUnavailable
	case o.bytes >= outboxBytes:
		return ErrFull
	}
	return nil
}

// putAppend puts in an event of a stream.
func (o *outbox) putAppend(e *event.Event, policy *stream.Policy, key string, done chan<- result) error {
	isUp := o.target.State().Up
	o.mu.Lock()
	defer o.mu.Unlock()
	if why := o.whyNotLocked(isUp); why != nil {
		return why
	}
	o.appended++
	data := broker.Seal(event.Append(broker.AppendHeader(nil, broker.Header{Origin: o.target.origin, Sequence: o.appended, At: time.Now()}), *e))
	o.addLocked(outgoing{append: &broker.Append{Policy: policy, Type: e.Type, ID: e.ID, Key: key, Data: data}, done: done}, len(data))
	return nil
}

// putPlain puts in an event of a type without a stream. One that has a listener here and nobody who waits for it is taken although the engine is away.
func (o *outbox) putPlain(e *event.Event, done chan<- result) error {
	t := o.target
	isUp := t.State().Up
	o.mu.Lock()
	defer o.mu.Unlock()
	why := o.whyNotLocked(isUp)
	if o.isClosed {
		return why
	}
	isHeard := t.listeners.Hear([]byte(e.Type), []byte(e.ID))
	if isHeard {
		t.deliveries.put(delivery{event: e.Clone()})
	}
	p := t.policies.ForString(e.Type)
	messageKey, h := o.sent.Next([]byte(e.Type), []byte(e.ID), p.AskedBy() != stream.ByType)
	if why != nil {
		if isHeard && done == nil {
			return nil
		}
		return why
	}
	h.Origin, h.At = t.origin, time.Now()
	data := broker.Seal(event.Append(broker.AppendHeader(nil, h), *e))
	o.addLocked(outgoing{message: broker.Message{Key: messageKey, Data: data}, done: done}, len(data))
	return nil
}

func (o *outbox) addLocked(out outgoing, bytes int) {
	o.waiting = append(o.waiting, out)
	o.bytes += bytes
	notify(o.wake)
}

// notify leaves a mark in a channel that has room for one.
func notify(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// closeOutboxes has both take nothing more, and waits until what is in has been handed over, as long as that is worth it.
func (t *Target) closeOutboxes() {
	t.plain.close()
	t.appends.close()
	late := time.After(patience)
	for _, ended := range []chan struct{}{t.plain.ended, t.appends.ended} {
		select {
		case <-ended:
		case <-late:
			return
		}
	}
}

// close takes nothing more.
func (o *outbox) close() {
	o.mu.Lock()
	o.isClosed = true
	o.mu.Unlock()
	notify(o.wake)
}

// run hands over what is in, until the target ends.
func (o *outbox) run() {
	defer close(o.ended)
	for {
		select {
		case <-o.wake:
		case <-o.target.running.ctx.Done():
		}
		for {
			batch, isOver := o.take()
			if len(batch) == 0 {
				if isOver {
					return
				}
				break
			}
			o.hand(batch)
		}
	}
}

// take takes what comes next: messages of types without a stream, or events of one stream. Engines keep no order between streams, so the next one waits until
// those have been appended. Only events whose publishers all wait go together whatever their types: each publisher has one.
func (o *outbox) take() (batch []outgoing, isOver bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for isOfOneType, isAwaited := true, true; n < len(o.waiting) && n < batchEvents; n++ {
		out, first := &o.waiting[n], &o.waiting[0]
		if out.append == nil {
			o.bytes -= len(out.message.Data)
			continue
		}
		isOfOneType, isAwaited = isOfOneType && out.append.Type == first.append.Type, isAwaited && out.done != nil
		if !isOfOneType && !isAwaited {
			break
		}
		o.bytes -= len(out.append.Data)
	}
	batch = o.waiting[:n:n]
	if o.waiting = o.waiting[n:]; len(o.waiting) == 0 {
		o.waiting = nil
	}
	return batch, o.isClosed
}

// hand hands a batch over.
func (o *outbox) hand(batch []outgoing) {
	ctx, cancel := context.WithTimeout(o.target.running.ctx, patience)
	defer cancel()
	if batch[0].append != nil {
		o.append(ctx, batch)
		return
	}
	messages := make([]broker.Message, len(batch))
	for i := range batch {
		messages[i] = batch[i].message
	}
	err := o.target.config.Broker.Publish(ctx, messages)
	isLong := errors.Is(err, broker.ErrTooLong)
	longest := o.target.config.Broker.Longest()
	for i := range batch {
		if isLong && len(messages[i].Data) <= longest {
			o.tell(&batch[i], result{})
			continue
		}
		o.tell(&batch[i], result{err: err})
	}
}

// append appends a batch, and tells what has become of each.
func (o *outbox) append(ctx context.Context, batch []outgoing) {
	list := make([]*broker.Append, len(batch))
	for i := range batch {
		list[i] = batch[i].append
	}
	o.target.config.Broker.Append(ctx, list)
	for i, a := range list {
		o.tell(&batch[i], result{Receipt{a.Position, a.Repeated}, a.Err})
	}
}

// tell tells who waits for an event what has become of it, and logs what nobody waits for.
func (o *outbox) tell(out *outgoing, r result) {
	if out.done != nil {
		out.done <- r
		return
	}
	if r.err != nil {
		o.target.config.Logger.Warn("an event that was dispatched did not reach the broker", "error", r.err)
	}
}
