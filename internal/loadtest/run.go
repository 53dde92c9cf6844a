package loadtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

// run is a run under way.
type run struct {
	cfg Config
	// typ is the type of its events; the ids are the topics' numbers.
	typ         string
	subscribers []*subscriber
	publishers  []*spoke.Client
	latencies   *latencies
	connecting  *latencies
	// began is when the first event was due.
	began     time.Time
	connected atomic.Int64
	// delivered counts each event once a subscriber, since the run waits until it is what is expected.
	delivered atomic.Int64
	// published counts events by topic.
	published []atomic.Int64
	trouble   trouble
}

// trouble is what went wrong with connections. The clients' goroutines set it.
type trouble struct {
	// lost is how many connections were lost.
	lost atomic.Int64
	// refusal is what the hub refused first.
	refusal atomic.Pointer[spoke.RejectError]
	// rule is the close of a publisher that broke a rule of the hub.
	rule atomic.Pointer[spoke.CloseError]
	// whyLost is how the first connection was lost.
	whyLost atomic.Pointer[string]
}

// subscriber is a client that counts what it gets.
type subscriber struct {
	topic  int
	client *spoke.Client
	tally  tally
}

// Run loads the hub. If ctx ends before, the result is of what was done until then, and Interrupted. An error says that the run could
// not be made: the configuration is wrong, a client could not connect or subscribe (a *spoke.ConnectError, a *spoke.RejectError), the hub does not let
// the clients publish (a *spoke.RejectError, a *spoke.CloseError), or they can't keep up with the rate (a *BehindError).
func Run(ctx context.Context, config Config) (*Result, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	r := &run{cfg: config, typ: "spokehub.bench." + rand.Text(), latencies: newLatencies(), connecting: newLatencies(), published: make([]atomic.Int64, config.Topics)}
	defer r.close()
	stopTelling := r.tellProgress()
	err := r.connect(ctx)
	connectTook := time.Duration(0)
	if err == nil {
		connectTook = time.Since(r.began)
		err = r.load(ctx)
	}
	stopTelling()
	interrupted := ctx.Err() != nil
	if err != nil && (!interrupted || r.allPublished() == 0) {
		if interrupted {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return r.result(connectTook, interrupted), nil
}

// atOnce is how many clients connect at the same time.
const atOnce = 32

// connect connects all clients and subscribes.
func (r *run) connect(ctx context.Context) error {
	r.began = time.Now()
	r.subscribers = make([]*subscriber, r.cfg.Connections)
	r.publishers = make([]*spoke.Client, r.cfg.Publishers)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range r.subscribers {
		group.Go(func() error { return r.subscribe(ctx, i) })
	}
	for i := range r.publishers {
		group.Go(func() (err error) {
			r.publishers[i], err = r.dial(ctx, r.cfg.Connections+i)
			return err
		})
	}
	return group.Wait()
}

func (r *run) dial(ctx context.Context, number int) (*spoke.Client, error) {
	config := r.cfg.Client
	config.DialContext = dialFrom(r.cfg.URL, number)
	config.OnState = r.countLosses(number >= r.cfg.Connections)
	config.OnReject = func(e *spoke.RejectError) { r.trouble.refusal.CompareAndSwap(nil, e) }
	began := time.Now()
	client, err := spoke.Dial(ctx, r.cfg.URL, config)
	if err != nil {
		return nil, fmt.Errorf("connection %d of %d: %w", r.connected.Load()+1, r.cfg.Connections+r.cfg.Publishers, err)
	}
	r.connecting.add(time.Since(began))
	return client, nil
}

// countLosses returns an OnState that counts connections that ended, and no attempts to have another one. A publisher that sends too
// much or too long messages will not do better with the next connection.
func (r *run) countLosses(publishes bool) func(spoke.State) {
	connected := false
	return func(s spoke.State) {
		if connected && (s.Phase != spoke.Closed || s.Err != nil) {
			r.trouble.lost.Add(1)
		}
		connected = s.Phase == spoke.Connected
		if s.Err == nil || s.Phase != spoke.Waiting && s.Phase != spoke.Closed {
			return
		}
		text := s.Err.Error()
		r.trouble.whyLost.CompareAndSwap(nil, &text)
		if closed, ok := errors.AsType[*spoke.CloseError](s.Err); ok && publishes && (closed.Code == 1008 || closed.Code == 1009) {
			r.trouble.rule.CompareAndSwap(nil, closed)
		}
	}
}

func (r *run) subscribe(ctx context.Context, number int) error {
	s := &subscriber{topic: number % r.cfg.Topics, tally: tally{next: 1}}
	client, err := r.dial(ctx, number)
	if err != nil {
		return err
	}
	s.client = client
	r.subscribers[number] = s
	topic := r.topic(s.topic)
	client.AddEventListener(topic, func(e event.Event) { r.hear(s, e) })
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Patience)
	defer cancel()
	if err := client.Subscribe(ctx, topic); err != nil {
		return err
	}
	r.connected.Add(1)
	return nil
}

func (r *run) topic(number int) string { return fmt.Sprintf("%s:%d", r.typ, number) }

func (r *run) hear(s *subscriber, e event.Event) {
	stamp, ok := parseStamp(e.Payload)
	if !ok {
		return
	}
	r.latencies.add(time.Since(r.began) - stamp.due)
	if s.tally.add(stamp.number) {
		r.delivered.Add(1)
	}
}

// load publishes until its time is over or ctx ends, and waits until everything has come, or nothing has for the patience.
func (r *run) load(ctx context.Context) error {
	r.began = time.Now()
	var publishing sync.WaitGroup
	failures := make([]error, r.cfg.Publishers)
	for i := range r.publishers {
		publishing.Go(func() { failures[i] = r.publish(ctx, i) })
	}
	publishing.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	if refusal := r.trouble.refusal.Load(); refusal != nil {
		return refusal
	}
	if rule := r.trouble.rule.Load(); rule != nil {
		return rule
	}
	patience := r.cfg.Patience
	if ctx.Err() != nil {
		patience = min(patience, interruptedPatience)
	}
	r.awaitAll(patience)
	return nil
}

// interruptedPatience is how long a run that is interrupted bears that nothing comes.
const interruptedPatience = 2 * time.Second

// publish publishes every event of a publisher's topics when it is due. Each topic belongs to one publisher, since only events of one client
// keep their order.
func (r *run) publish(ctx context.Context, mine int) error {
	interval := time.Duration(float64(time.Second) / r.cfg.Rate)
	client := r.publishers[mine]
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := int64(0); ; n++ {
		due := time.Duration(n) * interval
		if due >= r.cfg.Duration {
			break
		}
		topic := int(n % int64(r.cfg.Topics))
		if topic%r.cfg.Publishers != mine {
			continue
		}
		if wait := due - time.Since(r.began); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return nil
			}
		}
		if r.trouble.refusal.Load() != nil || r.trouble.rule.Load() != nil || ctx.Err() != nil {
			return nil
		}
		if late := time.Since(r.began) - due; late > r.cfg.Patience {
			return &BehindError{Late: late, Published: r.allPublished()}
		}
		s := stamp{number: n/int64(r.cfg.Topics) + 1, due: due}
		e := event.Event{Type: r.typ, ID: fmt.Sprint(topic), Payload: s.payload(r.cfg.Size)}
		err := client.Publish(ctx, e)
		switch {
		case err == nil:
			r.published[topic].Add(1)
		case ctx.Err() != nil:
			return nil
		case !errors.Is(err, spoke.ErrQueueFull):
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Patience)
	defer cancel()
	if err := client.Flush(ctx); err != nil && !errors.Is(err, spoke.ErrUnconfirmed) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// awaitAll waits until everything has come, or nothing has for the patience.
func (r *run) awaitAll(patience time.Duration) {
	before, since := int64(-1), time.Now()
	for r.delivered.Load() < r.expected() {
		if now := r.delivered.Load(); now != before {
			before, since = now, time.Now()
		}
		if time.Since(since) > patience {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// expected is how many deliveries the events published so far make.
func (r *run) expected() (deliveries int64) {
	for topic := range r.published {
		subscribers := r.cfg.Connections / r.cfg.Topics
		if topic < r.cfg.Connections%r.cfg.Topics {
			subscribers++
		}
		deliveries += r.published[topic].Load() * int64(subscribers)
	}
	return deliveries
}

// allPublished is the number of events published so far.
func (r *run) allPublished() (events int64) {
	for topic := range r.published {
		events += r.published[topic].Load()
	}
	return events
}

// tellProgress ends seconds of the timeline and calls Progress until stop is called.
func (r *run) tellProgress() (stop func()) {
	end := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-end:
				return
			}
			p := Progress{Connected: int(r.connected.Load()), Connections: r.cfg.Connections, Duration: r.cfg.Duration, Published: r.allPublished(), Delivered: r.delivered.Load()}
			if p.Published > 0 {
				r.latencies.endSecond()
				p.Elapsed = min(time.Duration(float64(p.Published)/r.cfg.Rate*float64(time.Second)), r.cfg.Duration)
			}
			if r.cfg.Progress != nil {
				r.cfg.Progress(p)
			}
		}
	})
	return func() {
		close(end)
		telling.Wait()
		r.latencies.endSecond()
	}
}

// close ends all clients.
func (r *run) close() {
	group := errgroup.Group{}
	group.SetLimit(atOnce)
	for _, s := range r.subscribers {
		if s != nil {
			group.Go(s.client.Close)
		}
	}
	for _, client := range r.publishers {
		if client != nil {
			group.Go(client.Close)
		}
	}
	group.Wait()
}
