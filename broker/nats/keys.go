package nats

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/spokehub/spokehub/broker"
)

// subscription is what the client library has for one key: up to two subjects. Both are nil until there has been a connection.
type subscription struct {
	first, second *nats.Subscription
}

// keys are what the hub wants. mu guards all of it, and orders what is sent for one key.
//
// I1: while live, each key of wanted has its subscriptions, or an error was returned for it and it is in pending or refused.
// I2: a key in pending has no subscriptions.
type keys struct {
	mu     sync.Mutex
	wanted map[broker.Key]*subscription
	// pending are keys that were wanted while there was no connection; those that are wanted no more are skipped.
	pending []broker.Key
	// ended are subscriptions that were given up while there was none: the client library would make them again.
	ended []*nats.Subscription
	live  bool
	// refused are keys that the server did not take. They have no subscriptions, and are not pending until they are tried again.
	refused map[broker.Key]bool
}

// routeTime is how long servers of a cluster are given to learn from each other what one of them was just asked for. They say nothing when they have; one message on a
// route does it.
const routeTime = 20 * time.Millisecond

// Subscribe subscribes to keys and returns when the server that the engine is connected to has confirmed all of them. Other servers of its cluster
// learn of them in order: what they pass on later reaches this one. They are given routeTime for that. For streams it also reads where they are.
func (e *Engine) Subscribe(ctx context.Context, wanted ...broker.Key) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	bound, cancel := e.bounded(ctx)
	defer cancel()
	if err := e.subscribe(bound, wanted); err != nil {
		return e.explainCall(ctx, err)
	}
	if !e.link.up.Load() {
		return errAway
	}
	var types []string
	for _, key := range wanted {
		if key.Kind == broker.Stream {
			types = append(types, key.Type)
		}
	}
	asking, stop := context.WithTimeout(bound, lookUpTimeout)
	defer stop()
	e.refresh(asking, types)
	return nil
}

// subscribe subscribes to keys and returns when the server has confirmed them, and others of its cluster have had routeTime.
func (e *Engine) subscribe(ctx context.Context, wanted []broker.Key) error {
	full := e.refusals.fulls()
	fresh, err := e.keys.add(e, wanted)
	if err != nil {
		return err
	}
	if err := e.link.conn.FlushWithContext(ctx); err != nil {
		return err
	}
	if len(fresh) > 0 && e.link.conn.ConnectedClusterName() != "" {
		pause(ctx, routeTime)
	}
	return e.whyRefused(ctx, full, wanted, fresh)
}

// Unsubscribe ends subscriptions. It does not wait for the server.
func (e *Engine) Unsubscribe(ctx context.Context, unwanted ...broker.Key) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	k := &e.keys
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range unwanted {
		s := k.wanted[key]
		delete(k.wanted, key)
		delete(k.refused, key)
		if s == nil || s.first == nil {
			continue
		}
		k.ended = append(k.ended, s.first)
		if s.second != nil {
			k.ended = append(k.ended, s.second)
		}
	}
	if k.live {
		return e.explainCall(ctx, k.endLocked())
	}
	return nil
}

// add writes down what is wanted, and subscribes to it if there is a connection. It returns for which keys it did.
func (k *keys) add(e *Engine, wanted []broker.Key) (fresh []broker.Key, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range wanted {
		if k.wanted[key] == nil {
			k.wanted[key] = &subscription{}
			k.pending = append(k.pending, key)
		}
		if k.refused[key] {
			delete(k.refused, key)
			k.pending = append(k.pending, key)
		}
	}
	if !k.live {
		return nil, errAway
	}
	fresh = slices.Clone(k.pending)
	return fresh, k.subscribeLocked(e)
}

// refuse notes that the server has not taken keys.
func (k *keys) refuse(refused []broker.Key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range refused {
		s := k.wanted[key]
		if s == nil || s.first == nil {
			continue
		}
		k.ended = append(k.ended, s.first)
		if s.second != nil {
			k.ended = append(k.ended, s.second)
		}
		*s = subscription{}
		k.refused[key] = true
	}
	if k.live {
		_ = k.endLocked()
	}
}

// takeRefused returns the keys that the server has not taken and that are still wanted.
func (k *keys) takeRefused() []broker.Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Collect(maps.Keys(k.refused))
}

// all are the keys that are wanted.
func (k *keys) all() []broker.Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Collect(maps.Keys(k.wanted))
}

// subscribeLocked subscribes to the keys that are pending.
func (k *keys) subscribeLocked(e *Engine) error {
	for i, key := range k.pending {
		s := k.wanted[key]
		if s == nil || s.first != nil {
			continue
		}
		first, second := e.subjects.wanted(key)
		var err error
		if s.first, err = e.link.conn.ChanSubscribe(first, e.queue.incoming); err == nil && second != "" {
			s.second, err = e.link.conn.ChanSubscribe(second, e.queue.incoming)
		}
		if err != nil {
			if s.first != nil {
				k.ended = append(k.ended, s.first)
			}
			*s = subscription{}
			k.pending = k.pending[i:]
			return err
		}
	}
	k.pending = nil
	return nil
}

// endLocked gives up the subscriptions that have ended.
func (k *keys) endLocked() error {
	for i, s := range k.ended {
		if err := s.Unsubscribe(); err != nil {
			k.ended = k.ended[i:]
			return err
		}
	}
	k.ended = nil
	return nil
}

// resume does what was left while there was no connection.
func (k *keys) resume(e *Engine) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.endLocked(); err != nil {
		return err
	}
	k.pending = slices.AppendSeq(k.pending, maps.Keys(k.refused))
	clear(k.refused)
	return k.subscribeLocked(e)
}

// inForce says whether nothing is left to do, and that from now on subscriptions can be made at once.
func (k *keys) inForce() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.live = len(k.pending) == 0 && len(k.ended) == 0
	return k.live
}

// away says that there is no connection.
func (k *keys) away() {
	k.mu.Lock()
	k.live = false
	k.mu.Unlock()
}

// streams are the types whose streams are wanted.
func (k *keys) streams() (types []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key := range k.wanted {
		if key.Kind == broker.Stream {
			types = append(types, key.Type)
		}
	}
	return types
}

// within is a context of the engine's own that ends after a while.
func (e *Engine) within(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(e.life.ctx, d)
}
