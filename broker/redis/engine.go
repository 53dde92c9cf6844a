package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spokehub/spokehub/broker"
)

// Engine is a broker.Broker on Redis. New makes one.
type Engine struct {
	config Config
	target target
	names  names
	sink   broker.Sink
	table  table
	seen   seen
	epochs epochs
	life   life
	status status
}

// life is how an engine begins and ends.
type life struct {
	ctx     context.Context
	cancel  context.CancelFunc
	started atomic.Bool
	done    chan struct{}
	once    sync.Once
}

// status is what the manager shows others.
type status struct {
	// session is nil while there is none.
	session atomic.Pointer[session]
	// longest is that of the session, or of the last one.
	longest atomic.Int64
	// down is why the engine is not up, nil while it is.
	down atomic.Pointer[error]
	// again has the reason of a Reconnect.
	again chan string
}

// epochs makes names of epochs that no other engine makes.
type epochs struct {
	engine string
	last   atomic.Uint64
}

func (e *epochs) next() string { return e.engine + "-" + strconv.FormatUint(e.last.Add(1), 36) }

// New returns an engine that is not connected yet. An error says which part of the configuration is wrong, and never has a password.
func New(config Config) (*Engine, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	t, err := parseURL(config.URL)
	if err != nil {
		return nil, err
	}
	e := &Engine{config: config, target: t, names: names{prefix: config.Prefix, sharded: t.mode == clustered}}
	e.epochs.engine = strings.ToLower(rand.Text()[:12])
	e.table.init()
	e.seen.init()
	e.life.ctx, e.life.cancel = context.WithCancel(context.Background())
	e.life.done = make(chan struct{})
	e.status.again = make(chan string, 1)
	e.setDown(errors.New("not connected to Redis yet"))
	return e, nil
}

// Start begins to connect and returns at once. The error is that of a second call, or of one after Close.
func (e *Engine) Start(s broker.Sink) error {
	if e.life.ctx.Err() != nil {
		return broker.ErrClosed
	}
	if !e.life.started.CompareAndSwap(false, true) {
		return errors.New("the Redis engine was started already")
	}
	e.sink = s
	go e.manage()
	return nil
}

// Close ends all connections, and waits until nothing of the engine runs. It must not be called from a method of the sink. The error is always nil.
func (e *Engine) Close() error {
	e.life.once.Do(func() {
		e.life.cancel()
		if !e.life.started.CompareAndSwap(false, true) {
			<-e.life.done
		}
		e.table.fail(broker.ErrClosed)
	})
	return nil
}

// Reconnect has the engine give up its connections and make new ones. It returns at once; several calls in a row are one.
func (e *Engine) Reconnect(reason string) {
	select {
	case e.status.again <- reason:
	default:
	}
}

// Subscribe subscribes to keys and returns when Redis has confirmed all of them. After an error they are subscribed to as soon as that is possible.
func (e *Engine) Subscribe(ctx context.Context, keys ...broker.Key) error {
	if e.life.ctx.Err() != nil {
		return broker.ErrClosed
	}
	ticket := e.table.want(e.names, keys)
	if ticket == nil {
		return e.available()
	}
	if err := e.available(); err != nil {
		return err
	}
	select {
	case <-ticket.done:
		return ticket.err
	case <-ctx.Done():
		return fmt.Errorf("subscribe to %d keys in Redis: %w", len(keys), ctx.Err())
	case <-e.life.ctx.Done():
		return broker.ErrClosed
	}
}

// Unsubscribe ends subscriptions. It does not wait.
func (e *Engine) Unsubscribe(_ context.Context, keys ...broker.Key) error {
	if e.life.ctx.Err() != nil {
		return broker.ErrClosed
	}
	e.table.drop(e.names, keys)
	return nil
}

// available is nil while the engine is up, and else says why it is not.
func (e *Engine) available() error {
	if e.life.ctx.Err() != nil {
		return broker.ErrClosed
	}
	if down := e.status.down.Load(); down != nil {
		return unavailable(*down)
	}
	return nil
}

// current is the session to send commands with. In a cluster there is one also while some of the subscriptions are not in force.
func (e *Engine) current() (*session, error) {
	if s := e.status.session.Load(); s != nil {
		return s, nil
	}
	if err := e.available(); err != nil {
		return nil, err
	}
	return nil, unavailable(errors.New("the connection to Redis is being made"))
}

func (e *Engine) setDown(err error) { e.status.down.Store(&err) }
