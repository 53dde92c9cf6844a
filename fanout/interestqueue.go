package fanout

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/spokehub/spokehub/broker"
)

const (
	// askAtOnce is how many keys the broker is asked for at a time.
	askAtOnce = 4096
	// interestPause is how often the queue is looked through for wants that nobody needs any more.
	interestPause = 500 * time.Millisecond
	// plainLinger and streamLinger are for how long a want is kept that nobody needs: who comes back soon finds it in force.
	plainLinger  = 2 * time.Second
	streamLinger = 30 * time.Second
)

// interestQueue has the wants that run is to see to. Any goroutine may put some in; mu guards all but wake.
type interestQueue struct {
	wake  chan struct{}
	mu    sync.Mutex
	asks  []*want
	frees []*want
}

func (q *interestQueue) ask(w *want) {
	q.mu.Lock()
	q.asks = append(q.asks, w)
	q.mu.Unlock()
	q.notify()
}

func (q *interestQueue) free(w *want) {
	q.mu.Lock()
	q.frees = append(q.frees, w)
	q.mu.Unlock()
}

func (q *interestQueue) notify() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take takes some of the wants that the broker is to be asked for.
func (q *interestQueue) take() []*want {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.asks), askAtOnce)
	taken := q.asks[:n:n]
	q.asks = q.asks[n:]
	if len(q.asks) == 0 {
		q.asks = nil
	}
	return taken
}

// takeFree takes all wants that nobody needed when they came.
func (q *interestQueue) takeFree() []*want {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.frees
	q.frees = nil
	return taken
}

// wake has run look again.
func (t *interest) wake() { t.queue.notify() }

// run asks the broker, until ctx ends.
func (t *interest) run(ctx context.Context) {
	pause := time.NewTicker(interestPause)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.queue.wake:
			t.askAll(ctx)
		case <-pause.C:
			t.endIdle(ctx)
			t.retryRefused(ctx)
		}
	}
}

// askAll asks the broker for all keys that it is to be asked for by now.
func (t *interest) askAll(ctx context.Context) {
	for ctx.Err() == nil {
		taken := t.queue.take()
		if len(taken) == 0 {
			return
		}
		t.subscribe(ctx, taken)
	}
}

// subscribe asks the broker for wants. If it fails, it goes on by itself as soon as it can, and tells of what was lost until then. What it refuses does not come into force.
func (t *interest) subscribe(ctx context.Context, wants []*want) {
	keys := make([]broker.Key, 0, len(wants))
	asked := wants[:0]
	for _, w := range wants {
		if t.isWanted(w) {
			keys = append(keys, w.key)
			asked = append(asked, w)
		}
	}
	if len(keys) == 0 {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, brokerPatience)
	defer cancel()
	err := t.cluster.broker.Subscribe(bounded, keys...)
	switch {
	case errors.Is(err, broker.ErrRefused):
		asked = t.subscribeEach(bounded, asked, err)
	case err != nil:
		t.cluster.notSubscribed(len(keys), err)
	}
	for _, w := range asked {
		if w.key.Kind == broker.Stream {
			t.follow(w)
		} else {
			t.settle(w, nil)
		}
	}
	t.dropCovered(ctx, asked)
}

// isWanted says whether the broker is still to be asked for a want, and not for the whole type instead.
func (t *interest) isWanted(w *want) bool {
	s := w.of.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.phase != wantAsked {
		return false
	}
	if w.isCoveredLocked() {
		t.enterLocked(w, wantNone)
		w.settleLocked(false)
		return false
	}
	return true
}

// settle notes that a want is in force, a stream because by follows it; by is nil for others. Who has subscribed before that, while the broker was away, is told
// that events may be lost: those until now have not come.
func (t *interest) settle(w *want, by *follower) {
	if t.beginForce(w, by) && t.cluster.link.isUp.Load() {
		t.cluster.noteLoss()
		t.cluster.losses.add(borrow(w.key.Type))
	}
}

// beginForce is settle, and says whether somebody has subscribed to a plain want before, or to an id of the type that the want is, and not by way of the whole type,
// which is ending.
func (t *interest) beginForce(w *want, by *follower) (isLate bool) {
	s := w.of.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.phase != wantAsked || w.follower != by {
		return false
	}
	t.enterLocked(w, wantInForce)
	w.settleLocked(false)
	isLate = w.refs > 0
	if w == &w.of.whole {
		for _, single := range w.of.ids {
			isLate = isLate || single.refs > 0 && single.phase != wantInForce
			single.settleLocked(false)
		}
	}
	return isLate && w.key.Kind == broker.Plain && w.of.whole.phase != wantEnding
}

// settleLocked tells who waits for a want, because it is in force or the broker isAway.
func (w *want) settleLocked(isAway bool) {
	for wait := range w.waiters {
		if isAway {
			wait.isAway.Store(true)
		}
		wait.settled()
	}
	w.waiters = nil
}

// dropCovered tells the broker that single ids are not wanted any more, of types that are wanted as a whole now.
func (t *interest) dropCovered(ctx context.Context, wants []*want) {
	var keys []broker.Key
	for _, w := range wants {
		if w != &w.of.whole || !asksIDs(w.of.policy) {
			continue
		}
		s := w.of.shard
		s.mu.Lock()
		for _, single := range w.of.ids {
			if single.phase == wantInForce {
				t.enterLocked(single, wantNone)
				keys = append(keys, single.key)
			}
		}
		s.mu.Unlock()
	}
	t.unsubscribe(ctx, keys)
}

// subscribe asks the broker for control channels, for as long as the hub lives.
func (c *cluster) subscribe(ctx context.Context, keys ...broker.Key) {
	bounded, cancel := context.WithTimeout(ctx, brokerPatience)
	defer cancel()
	err := c.broker.Subscribe(bounded, keys...)
	switch {
	case errors.Is(err, broker.ErrRefused):
		c.refusedToSubscribe(err)
	case err != nil:
		c.notSubscribed(len(keys), err)
	}
}

// notSubscribed logs that the broker has not confirmed a change, unless it is known to be away.
func (c *cluster) notSubscribed(keys int, err error) {
	if c.link.isUp.Load() {
		c.hub.log.notSubscribed(keys, err)
	}
}

func (t *interest) unsubscribe(ctx context.Context, keys []broker.Key) {
	if len(keys) == 0 {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, brokerPatience)
	defer cancel()
	if err := t.cluster.broker.Unsubscribe(bounded, keys...); err != nil {
		t.cluster.notSubscribed(len(keys), err)
	}
}

// settlePlain has subscriptions go on that wait for events of types without a stream: the broker is away, so none will come for now.
func (t *interest) settlePlain() {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for _, of := range s.types {
			if of.whole.key.Kind != broker.Plain {
				continue
			}
			of.whole.settleLocked(true)
			for _, single := range of.ids {
				single.settleLocked(true)
			}
		}
		s.mu.Unlock()
	}
}
