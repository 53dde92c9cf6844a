package target

import (
	"context"
	"sync"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/stream"
)

const (
	// linger is how long a key is still asked for that no listener needs: who comes back soon costs nothing.
	linger = 2 * time.Second
	// askPause is how long it takes until the engine is asked again that could not be.
	askPause = 100 * time.Millisecond
)

// interest is which keys the engine is asked for: those of the topics with listeners. One goroutine asks, and another compares the tops of streams, as soon as topsWanted
// has a mark. mu guards wants and changed, and what hangs below them; changed is closed, and replaced, when a want comes into force or the engine is there.
type interest struct {
	target     *Target
	wake       chan struct{}
	topsWanted chan struct{}

	mu      sync.Mutex
	wants   map[broker.Key]*want
	changed chan struct{}
}

// want is a key that listeners need, or did. refs are how many do; if none, since idleSince.
type want struct {
	key       broker.Key
	refs      int
	idleSince time.Time
	isAsked   bool
	isInForce bool
	lane      broker.Lane
	// follower follows the stream, if the key is one.
	follower *follower
}

func (i *interest) init(t *Target) {
	i.target, i.wake, i.topsWanted = t, make(chan struct{}, 1), make(chan struct{}, 1)
	i.wants, i.changed = make(map[broker.Key]*want), make(chan struct{})
}

// want has the engine be asked for what a topic needs.
func (i *interest) want(typ, id string) *want {
	p := i.target.policies.ForString(typ)
	key := broker.Key{Kind: broker.Plain, Type: typ}
	switch {
	case p != nil && !p.History.IsZero():
		key.Kind = broker.Stream
	case p.AskedBy() != stream.ByType:
		key.ID = id
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	w := i.wants[key]
	if w == nil {
		w = &want{key: key}
		if key.Kind == broker.Stream {
			w.follower = &follower{target: i.target, want: w, policy: p}
		}
		i.wants[key] = w
		notify(i.wake)
	}
	w.refs++
	return w
}

// release ends what want began.
func (i *interest) release(w *want) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if w.refs--; w.refs == 0 {
		w.idleSince = time.Now()
		notify(i.wake)
	}
}

// settle waits until all wants with listeners are in force, and the target has heard that the engine is there: that may come behind its answers.
func (i *interest) settle(ctx context.Context) error {
	for {
		i.mu.Lock()
		isSettled, changed := true, i.changed
		for _, w := range i.wants {
			isSettled = isSettled && (w.isInForce || w.refs == 0)
		}
		i.mu.Unlock()
		if i.target.running.ctx.Err() != nil {
			return broker.ErrClosed
		}
		if isSettled && i.target.State().Reached {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-i.target.running.ctx.Done():
		}
	}
}

// inForce notes that what is published to the key of a want arrives.
func (i *interest) inForce(w *want) {
	i.mu.Lock()
	defer i.mu.Unlock()
	w.isInForce = true
	i.changeLocked()
}

// reached has whoever settles look again, for the engine is there.
func (i *interest) reached() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.changeLocked()
}

func (i *interest) changeLocked() {
	close(i.changed)
	i.changed = make(chan struct{})
}

// followers are what follows streams.
func (i *interest) followers() (list []*follower) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, w := range i.wants {
		if w.follower != nil && w.isAsked {
			list = append(list, w.follower)
		}
	}
	return list
}

// followerOf returns what follows the stream of a type, or nil.
func (i *interest) followerOf(typ string) *follower {
	i.mu.Lock()
	defer i.mu.Unlock()
	if w := i.wants[broker.Key{Kind: broker.Stream, Type: typ}]; w != nil {
		return w.follower
	}
	return nil
}

// see notes a message of a type without a stream, in the lanes of its type and its id. It says whether it has come before, or was not asked
// for, and whether others have been lost.
func (i *interest) see(typ, id string, h broker.Header, byID bool) (isRepeat, isLost bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	whole := i.wants[broker.Key{Type: typ}]
	var single *want
	if id != "" {
		single = i.wants[broker.Key{Type: typ, ID: id}]
	}
	if byID {
		if single == nil {
			return true, false
		}
		return single.lane.See(h.Origin, h.Sequence, h.OfID)
	}
	if whole == nil {
		return true, false
	}
	if isRepeat, isLost = whole.lane.See(h.Origin, h.Sequence, h.OfType); isRepeat || single == nil {
		return isRepeat, isLost
	}
	isRepeat, isLostOfID := single.lane.See(h.Origin, h.Sequence, h.OfID)
	return isRepeat, isLost || isLostOfID
}

// lose tells that events of whatever type without a stream may be lost, which no lane tells again.
func (i *interest) lose(reason string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.target.deliveries.putAlways(delivery{loss: &Loss{Missed: -1, Reason: reason}})
	for _, w := range i.wants {
		w.lane.Forget()
	}
}

// run asks the engine for keys, and tells it which are not needed any more, until the target ends.
func (i *interest) run() {
	ctx := i.target.running.ctx
	for ctx.Err() == nil {
		pause := i.askNew(ctx)
		if left := i.endIdle(ctx); left > 0 && (pause == 0 || left < pause) {
			pause = left
		}
		var due <-chan time.Time
		if pause > 0 {
			due = time.After(pause)
		}
		select {
		case <-ctx.Done():
		case <-i.wake:
		case <-due:
		}
	}
}

// askNew asks for the keys that have not been, and says when to try again, 0 for never.
func (i *interest) askNew(ctx context.Context) time.Duration {
	var fresh []*want
	var keys []broker.Key
	i.mu.Lock()
	for _, w := range i.wants {
		if !w.isAsked {
			fresh, keys = append(fresh, w), append(keys, w.key)
		}
	}
	i.mu.Unlock()
	if len(keys) == 0 {
		return 0
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := i.target.config.Broker.Subscribe(bounded, keys...); err != nil {
		return askPause
	}
	i.mu.Lock()
	for _, w := range fresh {
		w.isAsked = true
	}
	i.mu.Unlock()
	for _, w := range fresh {
		if w.follower != nil {
			w.follower.catchUp()
		} else {
			i.inForce(w)
		}
	}
	return 0
}

// endIdle tells the engine which keys nobody has needed for some time, and says when the next one is due, 0 for none.
func (i *interest) endIdle(ctx context.Context) (next time.Duration) {
	var keys []broker.Key
	i.mu.Lock()
	for key, w := range i.wants {
		if w.refs > 0 || !w.isAsked {
			continue
		}
		if left := linger - time.Since(w.idleSince); left > 0 {
			if next == 0 || left < next {
				next = left
			}
			continue
		}
		delete(i.wants, key)
		keys = append(keys, key)
		if w.follower != nil {
			w.follower.end()
		}
	}
	i.mu.Unlock()
	if len(keys) > 0 {
		bounded, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := i.target.config.Broker.Unsubscribe(bounded, keys...); err != nil && ctx.Err() == nil {
			i.target.config.Logger.Debug("the broker could not be told which topics nobody listens to any more", "error", err)
		}
	}
	return next
}
