package fanout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/stream"
)

const (
	// maxAppends is how many bytes of events may wait at most for the broker to append them, and appendShare what part of the memory budget: more are
	// refused.
	maxAppends  = 8 << 20
	appendShare = 16
	// spokeShare is what part of that a single spoke may have, as long as half is free; a spoke that has more is not read. When less is free, no spoke may have more than
	// one event there: so one that publishes very fast waits, before others are refused.
	spokeShare = 32
	// appendAtOnce and appendBytesAtOnce are how many events, and bytes of them, the broker is given at a time.
	appendAtOnce      = 1024
	appendBytesAtOnce = 1 << 20
)

var (
	errPoliciesDiffer = errors.New("an event without a position, of a type that has a stream here: give all hubs of the cluster the same policies")
	errAppendsFull    = errors.New("too many events wait to be appended: the broker is too slow for what is published to streams")
)

// appendQueue has the events of streams on their way to the broker. Any goroutine may put something in, a reactor's too; one goroutine hands them
// over, a batch at a time, so those of one type come in order. mu guards all fields behind it; held is for any goroutine, and the others never change.
type appendQueue struct {
	cluster *cluster
	wake    chan struct{}
	// limit is how many bytes may wait, and held how many there are, those included that the broker is being given.
	limit   int
	held    atomic.Int64
	mu      sync.Mutex
	waiting []*pendingAppend
	bytes   int
	// bySpoke is how many bytes each spoke has in held.
	bySpoke map[*Spoke]int
	// stuck has the spokes that were told that they have no room; each has an event in the queue.
	stuck map[*Spoke]struct{}
	// sequence is that of the last event.
	sequence uint64
	// isOver says that nothing is taken any more, isAppending that the broker is being given some.
	isOver, isAppending bool
}

// pendingAppend is an event on its way into its stream. It comes from a pool, to which who waits for it returns it, or else finish.
//
// I1: Data is buf. Type and ID are strings of their own, which engines may keep.
type pendingAppend struct {
	broker.Append
	buf []byte
	// from is the spoke that it came from; nil for one of the embedder's. done is closed when its fate is known; nil if nobody waits.
	from *Spoke
	done chan struct{}
}

func (q *appendQueue) init(c *cluster) {
	q.cluster, q.wake, q.bySpoke = c, make(chan struct{}, 1), map[*Spoke]int{}
	q.stuck = map[*Spoke]struct{}{}
	q.limit = int(min(maxAppends, c.hub.cfg.MemoryBudget/appendShare))
}

// append has the broker append an event to its stream, from where it comes to the subscribers on all hubs. Who waits (out.ctx) is told what has become
// of it; the spoke that an event came from is told if it could not be appended.
func (c *cluster) append(out *outgoing) outcome {
	h := c.hub
	match := h.match(out)
	out.receivers, out.size = receiversOf(&match, nil), out.length()
	if h.isTooLong(out) || int(out.size)+membersRoom+offsetRoom > h.cfg.longestKept() {
		return tooLong
	}
	out.size += membersRoom
	if out.waits && (!h.hasRoom(out, match.Parts) || out.on != nil && !c.appends.hasRoomFor(out.except)) {
		return noRoom
	}
	if len(out.key) > stream.MaxKey {
		out.err = stream.ErrKey
		return unavailable
	}
	p := c.newAppend(out)
	done := p.done
	if out.err = c.appends.put(p); out.err != nil {
		p.recycle()
		return unavailable
	}
	if done == nil {
		return published
	}
	select {
	case <-done:
	case <-out.ctx.Done():
		out.err = fmt.Errorf("%w: %w while it was asked, so the event may have been published: publish it again with the same idempotency key to be sure", ErrBroker, out.ctx.Err())
		return unavailable
	}
	out.matched = match.Size()
	out.position, out.isRepeated = p.Position, p.Repeated
	err := p.Err
	p.recycle()
	switch {
	case errors.Is(err, broker.ErrTooLong):
		out.err = fmt.Errorf("%w: %w", ErrTooLong, err)
		return unavailable
	case err != nil:
		out.err = asBroker(err)
		return unavailable
	}
	return published
}

func (c *cluster) newAppend(out *outgoing) *pendingAppend {
	p := appendPool.Get().(*pendingAppend)
	p.buf = out.appendEnvelope(broker.AppendHeader(p.buf[:0], broker.Header{Origin: c.origin, At: time.Now()}))
	p.Policy, p.Key, p.Data = c.hub.policy(out), out.key, p.buf
	p.Type, p.ID = string(out.typ()), string(out.id())
	if out.on != nil {
		p.from = out.except
	} else if out.waits && out.ctx != nil {
		p.done = make(chan struct{})
	}
	return p
}

var appendPool = sync.Pool{New: func() any { return new(pendingAppend) }}

// recycle returns an event to its pool.
func (p *pendingAppend) recycle() {
	buf := p.buf
	if cap(buf) > maxPooledFrame {
		buf = nil
	}
	*p = pendingAppend{buf: buf}
	appendPool.Put(p)
}

// put puts an event in, or says why not.
func (q *appendQueue) put(p *pendingAppend) error {
	if !q.cluster.link.isUp.Load() {
		if err := q.cluster.link.state().Err; err != nil {
			return asBroker(err)
		}
		return ErrBroker
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.isOver:
		return ErrClosed
	case q.bytes >= q.limit:
		return asBroker(errAppendsFull)
	}
	q.sequence++
	broker.SetSequence(p.Data, q.sequence)
	broker.Seal(p.Data)
	q.waiting = append(q.waiting, p)
	q.bytes += len(p.Data)
	q.held.Add(int64(len(p.Data)))
	if p.from != nil {
		q.bySpoke[p.from] += len(p.Data)
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// hasRoomFor says whether a spoke may have one event more in the queue.
func (q *appendQueue) hasRoomFor(s *Spoke) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.hasRoomLocked(s) {
		return true
	}
	q.stuck[s] = struct{}{}
	return false
}

func (q *appendQueue) hasRoomLocked(s *Spoke) bool {
	has := q.bySpoke[s]
	return has == 0 || q.bytes < q.limit/2 && has < q.limit/spokeShare
}

// leave notes that an event is in the queue no more, and has its spoke be read on that waits for that.
func (q *appendQueue) leave(p *pendingAppend) {
	q.held.Add(-int64(len(p.Data)))
	if p.from == nil {
		return
	}
	q.mu.Lock()
	if q.bySpoke[p.from] -= len(p.Data); q.bySpoke[p.from] <= 0 {
		delete(q.bySpoke, p.from)
	}
	_, isStuck := q.stuck[p.from]
	if isStuck = isStuck && q.hasRoomLocked(p.from); isStuck {
		delete(q.stuck, p.from)
	}
	q.mu.Unlock()
	if isStuck {
		p.from.loop.reactor.Post(appendsLeft{})
	}
}

// appendsLeft is the task that has a loop look at its spokes that wait.
type appendsLeft struct{}

// Do has it do so at the end of the turn.
func (appendsLeft) Do(r *netpoll.Reactor) { r.Handler().(*loop).retryWaiting() }

// take takes a batch.
func (q *appendQueue) take(batch []*broker.Append) (taken []*pendingAppend, appends []*broker.Append) {
	q.mu.Lock()
	defer q.mu.Unlock()
	bytes, n := 0, 0
	for n < len(q.waiting) && n < appendAtOnce && (n == 0 || bytes+len(q.waiting[n].Data) <= appendBytesAtOnce) {
		bytes += len(q.waiting[n].Data)
		batch = append(batch, &q.waiting[n].Append)
		n++
	}
	taken = q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	if len(q.waiting) == 0 {
		q.waiting = nil
	}
	q.bytes -= bytes
	q.isAppending = n > 0
	return taken, batch
}

// isEmpty says that the broker has been given all.
func (q *appendQueue) isEmpty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) == 0 && !q.isAppending
}

// run hands events to the broker, until ctx ends.
func (q *appendQueue) run(ctx context.Context) {
	var batch []*broker.Append
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		}
		for {
			taken, appends := q.take(batch[:0])
			if len(taken) == 0 {
				break
			}
			bounded, cancel := context.WithTimeout(ctx, brokerPatience)
			q.cluster.broker.Append(bounded, appends)
			cancel()
			q.tellLink(ctx, appends)
			for _, p := range taken {
				q.finish(p)
			}
			batch = appends
			clear(batch)
		}
	}
}

// tellLink notes whether the broker takes events: if it has taken one, or none because it is not available. Others say nothing about it, nor does the end of ctx.
func (q *appendQueue) tellLink(ctx context.Context, appends []*broker.Append) {
	var refusal error
	for _, a := range appends {
		switch {
		case a.Err == nil:
			q.tried(nil)
			return
		case errors.Is(a.Err, broker.ErrUnavailable):
			refusal = a.Err
		}
	}
	if refusal != nil && ctx.Err() == nil {
		q.tried(refusal)
	}
}

func (q *appendQueue) tried(err error) {
	if q.cluster.link.tried(appending, err) {
		q.cluster.hub.log.appending(err)
	}
}

// finish tells what has become of an event.
func (q *appendQueue) finish(p *pendingAppend) {
	c := q.cluster
	q.leave(p)
	if p.Err == nil {
		c.counts.appended.Add(1)
	} else if p.done == nil {
		c.hub.counters.unavailable.Add(1)
		c.hub.log.unavailableEvent(p.Err)
	}
	if p.Err != nil && p.from != nil {
		p.from.loop.reactor.Post(notAppended{from: p.from, typ: p.Type, id: p.ID})
	}
	if p.done != nil {
		close(p.done)
	} else {
		p.recycle()
	}
}

// close has who waits be told that nothing comes of it.
func (q *appendQueue) close() {
	q.mu.Lock()
	left := q.waiting
	q.waiting, q.bytes, q.isOver = nil, 0, true
	q.mu.Unlock()
	for _, p := range left {
		p.Err = ErrClosed
		q.finish(p)
	}
}

// notAppended is the task that tells a spoke that an event of it is in no stream.
type notAppended struct {
	from    *Spoke
	typ, id string
}

// Do rejects the event.
func (t notAppended) Do(r *netpoll.Reactor) {
	l := r.Handler().(*loop)
	if s := t.from; s.phase == open && r.Holds(s.conn) {
		l.scratch.view.Type, l.scratch.view.ID = []byte(t.typ), []byte(t.id)
		l.rejectEvent(s, event.Unavailable)
	}
}
