package fanout

import (
	"context"
	"errors"
	"time"

	"github.com/spokehub/spokehub/broker"
)

const (
	// refusedPause is how long it takes until the broker is asked again for what it has refused and is needed all the same.
	refusedPause = 10 * time.Second
	// refusedMemory is how long the hub says that the broker refuses something, since it did last.
	refusedMemory = 3 * refusedPause
)

// refusedWants are the wants that the broker has refused, and that were needed then: by spokes that had subscribed while it was away. It belongs to run's goroutine.
type refusedWants struct {
	wants []*want
	// lastAt is when it refused one, zero if it has not or that is forgotten, and triedAt when it was asked again.
	lastAt, triedAt time.Time
}

// subscribeEach asks the broker for wants one by one, of which it has refused some, and returns those that it has not refused. What it can't be asked for in time counts as
// refused.
func (t *interest) subscribeEach(ctx context.Context, wants []*want, refusal error) (taken []*want) {
	var refused []broker.Key
	for _, w := range wants {
		err := refusal
		if len(wants) > 1 && ctx.Err() == nil {
			err = t.cluster.broker.Subscribe(ctx, w.key)
		}
		if errors.Is(err, broker.ErrRefused) || ctx.Err() != nil {
			t.refuse(w)
			refused = append(refused, w.key)
			continue
		}
		if err != nil {
			t.cluster.notSubscribed(1, err)
		}
		taken = append(taken, w)
	}
	if len(refused) > 0 {
		t.refused.lastAt = time.Now()
		t.cluster.refusedToSubscribe(refusal)
		bounded, cancel := context.WithTimeout(t.cluster.running.ctx, brokerPatience)
		defer cancel()
		t.unsubscribe(bounded, refused)
	}
	return taken
}

// refuse notes that the broker does not give out the events of a want: who waits for it is refused. Where it is a whole type, ids of it that are needed are asked for.
func (t *interest) refuse(w *want) {
	s := w.of.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.phase != wantAsked {
		return
	}
	t.enterLocked(w, wantNone)
	w.settleLocked(false)
	if w.refs > 0 || w.holds > 0 {
		t.refused.wants = append(t.refused.wants, w)
	}
	if w != &w.of.whole {
		return
	}
	for _, single := range w.of.ids {
		if single.refs > 0 || single.holds > 0 {
			t.askLocked(single)
		}
	}
}

// retryRefused asks the broker again, now and then, for what it has refused and is still needed. Who needs it is told of a gap when that is in force.
func (t *interest) retryRefused(ctx context.Context) {
	r := &t.refused
	if len(r.wants) > 0 && time.Since(r.triedAt) >= refusedPause {
		wants := r.wants
		r.wants, r.triedAt = nil, time.Now()
		for _, w := range wants {
			s := w.of.shard
			s.mu.Lock()
			if w.refs > 0 || w.holds > 0 {
				t.askLocked(w)
			}
			s.mu.Unlock()
		}
		t.askAll(ctx)
	}
	if !r.lastAt.IsZero() && time.Since(r.lastAt) >= refusedMemory {
		r.lastAt = time.Time{}
		t.cluster.refusedToSubscribe(nil)
	}
}

// refusedToSubscribe notes whether the broker refuses subscriptions.
func (c *cluster) refusedToSubscribe(err error) {
	if c.link.tried(subscribing, err) {
		c.hub.log.subscribing(err)
	}
}
