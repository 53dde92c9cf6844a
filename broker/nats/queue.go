package nats

import (
	"context"
	"sync"

	"github.com/nats-io/nats.go"
)

const (
	// incomingRoom is how many messages the client library may be ahead of the pump: more than come while that waits for a processor.
	incomingRoom = 1 << 14
	// burst is how many messages pass from hand to hand at once, at most.
	burst = 64
	// spareRoom is for how many messages an empty queue keeps room.
	spareRoom = 1 << 12
)

// queue has what has come and was not delivered. The client library puts messages into incoming, and drops what comes while that is full. The pump takes them from there: it
// waits for nothing else, so incoming is short of room only for as long as the pump is short of a processor. mu guards all fields behind it.
//
// I4: it has at most limit messages and limitBytes bytes, those included that are being delivered; except that a single message may be longer.
// I5: isOverflowing is true if anything was dropped that the sink was not told of.
type queue struct {
	incoming chan *nats.Msg
	wake     chan struct{}
	limit    int
	// limitBytes counts what messages and their subjects take.
	limitBytes int
	mu         sync.Mutex
	// waiting are the messages from next on.
	waiting []*nats.Msg
	next    int
	bytes   int
	// given are those that are being delivered, and givenBytes the bytes of them.
	given, givenBytes int
	isOverflowing     bool
}

func newQueue(limit, limitBytes int) *queue {
	return &queue{incoming: make(chan *nats.Msg, incomingRoom), wake: make(chan struct{}, 1), limit: limit, limitBytes: limitBytes}
}

// pump takes what comes, until ctx ends, and calls heard now and then.
func (q *queue) pump(ctx context.Context, heard func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-q.incoming:
			heard()
			q.add(m)
		}
	}
}

// add puts a message in, and some that are behind it in incoming. Whatever the client library drops, it drops while incoming is full, which lasts until somebody takes a message
// out. Only add does, and looks afterwards: then there is room for one, or none again.
func (q *queue) add(m *nats.Msg) {
	q.mu.Lock()
	for n := 1; m != nil; n++ {
		q.isOverflowing = q.isOverflowing || len(q.incoming) >= cap(q.incoming)-1
		q.addLocked(m)
		m = nil
		if n < burst {
			select {
			case m = <-q.incoming:
			default:
			}
		}
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) addLocked(m *nats.Msg) {
	size := sizeOf(m)
	if len(q.waiting)-q.next+q.given >= q.limit || q.bytes > 0 && q.bytes+size > q.limitBytes {
		q.isOverflowing = true
		return
	}
	q.waiting = append(q.waiting, m)
	q.bytes += size
}

func sizeOf(m *nats.Msg) int { return len(m.Data) + len(m.Subject) }

// take returns the messages that are to be delivered next, in the room of those that it has returned before, which have been delivered now. It says whether an overflow is over: half of the
// queue is free again, and the sink is to be told behind these.
func (q *queue) take(batch []*nats.Msg) (taken []*nats.Msg, isOver bool) {
	clear(batch)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= q.givenBytes
	isOver = q.isOverflowing && len(q.waiting)-q.next <= q.limit/2 && q.bytes <= q.limitBytes/2
	if isOver {
		q.isOverflowing = false
	}
	taken = append(batch[:0], q.waiting[q.next:min(q.next+burst, len(q.waiting))]...)
	clear(q.waiting[q.next : q.next+len(taken)])
	q.next += len(taken)
	q.given, q.givenBytes = len(taken), 0
	for _, m := range taken {
		q.givenBytes += sizeOf(m)
	}
	q.shrinkLocked()
	return taken, isOver
}

// shrinkLocked gives back the room of messages that were taken, once they are half of all.
func (q *queue) shrinkLocked() {
	switch {
	case q.next == len(q.waiting) && cap(q.waiting) > spareRoom:
		q.waiting, q.next = nil, 0
	case q.next*2 >= len(q.waiting):
		left := copy(q.waiting, q.waiting[q.next:])
		clear(q.waiting[left:])
		q.waiting, q.next = q.waiting[:left], 0
	}
}
