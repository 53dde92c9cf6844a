package target

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/internal/listeners"
	"github.com/spokehub/spokehub/stream"
)

// patience is how long the engine may take for a call.
const patience = 5 * time.Second

// Target is an event.Target on an engine. Any goroutine may call its methods, listeners included.
type Target struct {
	config     Config
	policies   *stream.Policies
	origin     uint64
	listeners  listeners.Set[func(event.Event)]
	interest   interest
	plain      outbox
	appends    outbox
	deliveries deliveries
	link       link
	running    running
}

var _ event.Target = (*Target)(nil)

// running is what ends a target: ctx ends once nothing is to be asked of the engine any more, and group has its goroutines but that which
// calls listeners.
type running struct {
	ctx   context.Context
	end   context.CancelFunc
	group sync.WaitGroup
	close sync.Once
	err   error
}

// link is whether the engine is there. mu guards state.
type link struct {
	mu    sync.Mutex
	state State
}

// New starts a target on an engine. It does not wait until that is there. The error says what is wrong with the configuration.
func New(c Config) (*Target, error) {
	if c.Broker == nil {
		return nil, errors.New("target: Config.Broker is nil: give it an engine, such as one of broker/nats or broker/redis")
	}
	policies, err := stream.NewPolicies(c.Policies)
	if err != nil {
		return nil, fmt.Errorf("target: Config.Policies: %w", err)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	var origin [8]byte
	_, _ = rand.Read(origin[:])
	t := &Target{config: c, policies: policies, origin: binary.BigEndian.Uint64(origin[:])}
	t.running.ctx, t.running.end = context.WithCancel(context.Background())
	t.link.state.Since = time.Now()
	t.interest.init(t)
	t.plain.init(t)
	t.appends.init(t)
	t.deliveries.init(t)
	if err = c.Broker.Start(&sink{t}); err != nil {
		t.running.end()
		return nil, fmt.Errorf("target: start the broker: %w", err)
	}
	t.running.group.Go(t.plain.run)
	t.running.group.Go(t.appends.run)
	t.running.group.Go(t.interest.run)
	t.running.group.Go(t.interest.watchTops)
	go t.deliveries.run()
	return t, nil
}

// State says how the target and its engine stand. It returns at once.
func (t *Target) State() State {
	t.link.mu.Lock()
	defer t.link.mu.Unlock()
	return t.link.state
}

// setState notes that the engine has come or gone, and has OnState be told.
func (t *Target) setState(up bool, err error) {
	t.link.mu.Lock()
	defer t.link.mu.Unlock()
	s := &t.link.state
	if s.Up == up && errors.Is(err, s.Err) {
		return
	}
	if s.Up != up {
		s.Since = time.Now()
	}
	s.Up, s.Err, s.Reached = up, err, s.Reached || up
	t.deliveries.putAlways(delivery{state: s})
}

// streamOf returns the policy of a type that has a stream, or nil.
func (t *Target) streamOf(typ string) *stream.Policy {
	if p := t.policies.ForString(typ); p != nil && !p.History.IsZero() {
		return p
	}
	return nil
}

// DispatchEvent sends the event to the listeners of its topics, here and elsewhere. It copies the payload, and does not wait for the engine. False says that the
// event is not valid, that the target has ended, that there is no room, or that the engine is away, and the type has a stream or no listener here.
func (t *Target) DispatchEvent(e event.Event) bool {
	if e.Validate() != nil {
		return false
	}
	return t.put(&e, "", nil) == nil
}

// Publish is DispatchEvent for a caller that can wait: until the event is handed to the engine, or, if its type has a stream, appended, which the receipt says
// where. The error is broker.ErrUnavailable, broker.ErrTooLong, broker.ErrClosed, ErrFull, the event.Fault of an event that is not valid, or that of ctx, each
// wrapped. Unless it is one of an event that is not valid or too long, the event may have been sent all the same.
func (t *Target) Publish(ctx context.Context, e event.Event) (Receipt, error) {
	return t.PublishWith(ctx, e, PublishOptions{})
}

// PublishWith is Publish with options. ErrNoStream is an idempotency key with a type that has no stream, and stream.ErrKey one that is too long.
func (t *Target) PublishWith(ctx context.Context, e event.Event, options PublishOptions) (Receipt, error) {
	err := e.Validate()
	switch {
	case err != nil:
	case len(options.IdempotencyKey) > maxKey:
		err = stream.ErrKey
	case options.IdempotencyKey != "" && t.streamOf(e.Type) == nil:
		err = ErrNoStream
	default:
		err = ctx.Err()
	}
	done := make(chan result, 1)
	if err == nil {
		err = t.put(&e, options.IdempotencyKey, done)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("publish %q: %w", e.Type, err)
	}
	select {
	case r := <-done:
		if r.err != nil {
			return Receipt{}, fmt.Errorf("publish %q: %w", e.Type, r.err)
		}
		return r.receipt, nil
	case <-ctx.Done():
		return Receipt{}, fmt.Errorf("publish %q: %w", e.Type, ctx.Err())
	}
}

// AddEventListener has listener called for the events of the topic, from when the engine has been asked for them; Settle waits for that. Listeners of a target
// are called one at a time. An event of a stream has its offset in Event.Offset.
func (t *Target) AddEventListener(topic string, listener func(event.Event)) (remove func()) {
	event.MustListen(topic, listener)
	typ, id, _ := event.SplitTopic(topic)
	w := t.interest.want(typ, id)
	removeListener := t.listeners.Add(topic, listener)
	return sync.OnceFunc(func() {
		removeListener()
		t.interest.release(w)
	})
}

// Settle waits until the engine has been reached, and the listeners that have been added are in force: what anyone publishes from then on reaches them. The
// error is that of ctx, or broker.ErrClosed, wrapped.
func (t *Target) Settle(ctx context.Context) error { return t.interest.settle(ctx) }

// Close hands over what was dispatched, for five seconds at most, and ends the target and its engine. No call of a listener begins any more; it does not wait for
// one that is under way, so a listener may call it. Later calls wait for the first one and return the same.
func (t *Target) Close() error {
	t.running.close.Do(func() {
		t.deliveries.close()
		t.closeOutboxes()
		t.running.end()
		if err := t.config.Broker.Close(); err != nil {
			t.running.err = fmt.Errorf("target: close the broker: %w", err)
		}
		t.running.group.Wait()
	})
	return t.running.err
}
