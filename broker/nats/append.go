package nats

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/spokehub/spokehub/broker"
)

const (
	// inFlight is how many appends of one call may be under way.
	inFlight = 1024
	// missingRounds is how often appends are tried again for which no server has felt responsible, and missingWait how long the first time is waited: a
	// stream without a leader has one soon, and one that was deleted is made again.
	missingRounds = 6
	missingWait   = 50 * time.Millisecond
)

// batch are the appends of one round. It is guarded by the lock of calls.
type batch struct {
	appends []appending
	// left counts those without an answer; sealed says that all were sent.
	left   int
	sealed bool
	done   chan struct{}
	// room has a place for each that is under way.
	room chan struct{}
}

// appending is one append under way.
type appending struct {
	of  *batch
	to  *broker.Append
	s   *sequence
	id  uint64
	err error
	ack ack
	// epoch is the one that was known when the answer came; again says that its offset was given out before.
	epoch string
	again bool
}

// answer takes the answer. It does so here, since only answers in the order in which they come tell whether a stream went back.
func (a *appending) answer(m *nats.Msg) bool {
	if noResponders(m) {
		a.err = errMissing
	} else if a.ack, a.err = parseAck(m.Data); a.err == nil {
		if a.ack.Repeated {
			a.epoch = a.s.epoch()
		} else {
			a.epoch, a.again = a.s.acked(a.ack.Offset)
		}
	}
	a.end()
	return true
}

func (a *appending) fail(err error) {
	a.err = err
	a.end()
}

func (a *appending) end() {
	<-a.of.room
	a.of.left--
	if a.of.sealed && a.of.left == 0 {
		close(a.of.done)
	}
}

// Append appends events. All of a call are under way at once, up to 1,024; the servers store those of a type in order. The streams are made when
// the first event of a type comes. A call ends at the latest after ten seconds.
func (e *Engine) Append(ctx context.Context, events []*broker.Append) {
	bound, cancel := e.bounded(ctx)
	defer cancel()
	todo := e.prepare(ctx, bound, make([]*broker.Append, 0, len(events)), events)
	for round := 0; len(todo) > 0; round++ {
		again := e.round(ctx, bound, todo)
		if len(again) == 0 || round == missingRounds || !pause(bound, missingWait<<round) {
			return
		}
		for _, a := range again {
			e.streams.byType(a.Type).policy.CompareAndSwap(a.Policy, nil)
		}
		todo = e.prepare(ctx, bound, again[:0], again)
	}
}

// prepare sees that the streams are there, and appends those events to dst whose stream is.
func (e *Engine) prepare(ctx, bound context.Context, dst, events []*broker.Append) []*broker.Append {
	var failed map[string]error
	for _, a := range events {
		if a.Err = failed[a.Type]; a.Err != nil {
			continue
		}
		if a.Err = e.prepareOne(ctx, bound, a); a.Err == nil {
			dst = append(dst, a)
			continue
		}
		if failed == nil {
			failed = map[string]error{}
		}
		failed[a.Type] = a.Err
	}
	return dst
}

func (e *Engine) prepareOne(ctx, bound context.Context, a *broker.Append) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	if !e.link.there.Load() {
		return errAway
	}
	return e.explainCall(ctx, e.ensure(bound, e.streams.byType(a.Type), a.Policy))
}

// round sends appends and sets what has become of each. It returns those that no server has felt responsible for, and that can be sent again
// without changing the order: nothing of their types behind them was appended.
func (e *Engine) round(ctx, bound context.Context, events []*broker.Append) (again []*broker.Append) {
	b := &batch{appends: make([]appending, len(events)), left: len(events), done: make(chan struct{}), room: make(chan struct{}, min(inFlight, len(events)))}
	sent := 0
	for ; sent < len(events); sent++ {
		a := &b.appends[sent]
		a.of, a.to, a.s = b, events[sent], e.streams.byType(events[sent].Type)
		if !e.sendAppend(bound, a) {
			break
		}
	}
	if e.seal(b, sent) {
		select {
		case <-b.done:
		case <-bound.Done():
			e.giveUp(b, bound.Err())
		}
	}
	for i := range b.appends {
		if i >= sent {
			events[i].Err = e.explainCall(ctx, bound.Err())
			continue
		}
		e.settle(ctx, bound, &b.appends[i])
	}
	return suffixes(events)
}

// sendAppend sends one as soon as there is room. It returns false if the context ends first.
func (e *Engine) sendAppend(bound context.Context, a *appending) bool {
	select {
	case a.of.room <- struct{}{}:
	case <-bound.Done():
		return false
	}
	subject := e.subjects.appended(a.to.Type)
	if a.to.ID == "" {
		subject += noID
	} else {
		subject = string(appendToken([]byte(subject), a.to.ID))
	}
	var header nats.Header
	if a.to.Key != "" {
		header = nats.Header{nats.MsgIdHdr: []string{string(appendToken(nil, a.to.Key))}}
	}
	a.id = e.sendWith(a, subject, header, a.to.Data)
	return true
}

// seal says that no more than sent appends will be sent. It returns whether there is one to wait for.
func (e *Engine) seal(b *batch, sent int) bool {
	e.calls.mu.Lock()
	defer e.calls.mu.Unlock()
	b.sealed = true
	b.left -= len(b.appends) - sent
	return b.left > 0
}

// giveUp ends the waiting for what has no answer.
func (e *Engine) giveUp(b *batch, err error) {
	e.calls.mu.Lock()
	defer e.calls.mu.Unlock()
	for i := range b.appends {
		if a := &b.appends[i]; a.id != 0 && e.calls.waiting[a.id] == answerer(a) {
			delete(e.calls.waiting, a.id)
			a.err = err
		}
	}
}

// errMissing is that of an append which no server has felt responsible for.
var errMissing = unavailable("no server keeps the stream now: it has no leader, or was deleted")

// settle sets what has become of an append.
func (e *Engine) settle(ctx, bound context.Context, a *appending) {
	a.to.Err = e.explainCall(ctx, a.err)
	if a.err != nil {
		return
	}
	if a.again {
		e.renew(bound, a.s, a.epoch, true)
		a.epoch = a.s.epoch()
	}
	a.to.Repeated, a.to.Position.Offset, a.to.Position.Epoch = a.ack.Repeated, a.ack.Offset, a.epoch
}

// suffixes are the events that are missing with none of their type behind them that is not.
func suffixes(events []*broker.Append) (missing []*broker.Append) {
	if !slices.ContainsFunc(events, func(a *broker.Append) bool { return errors.Is(a.Err, errMissing) }) {
		return nil
	}
	last := map[string]int{}
	for i, a := range events {
		if !errors.Is(a.Err, errMissing) {
			last[a.Type] = i
		}
	}
	for i, a := range events {
		if at, found := last[a.Type]; errors.Is(a.Err, errMissing) && (!found || i > at) {
			missing = append(missing, a)
		}
	}
	return missing
}

// pause waits, and returns false if the context ends first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
