package spoke

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/internal/listeners"
)

// Client is a connection to a hub that comes back by itself, and an [event.Target]. Any goroutine may call its methods, also
// from listeners and callbacks.
//
// Owners: two goroutines live as long as the client. The run goroutine connects, reads, and calls listeners and callbacks, so
// these never overlap; the write goroutine writes. cfg and endpoint never change, the channels of signals and listeners are for
// everyone, and mu guards shared.
type Client struct {
	cfg       Config
	endpoint  endpoint
	listeners listeners.Set[func(event.Event)]
	signals   signals
	// closed says that Close has been called or the client has ended: no call of a listener begins any more.
	closed atomic.Bool
	// names and logged belong to the run goroutine, and so does epoch: that of the event which it hands out.
	names  names
	epoch  string
	logged logged
	// received counts events. It has no lock, since every event is counted.
	received atomic.Uint64
	mu       sync.Mutex
	shared
}

// signals tell the goroutines of a client, and those who wait for them.
type signals struct {
	// ctx ends with the client's last connection: what waits for the hub has nothing more to wait for.
	ctx    context.Context
	cancel context.CancelFunc
	// write and again have room for one mark each: there is something to write; connect again, now.
	write, again chan struct{}
	// ended is closed when the client has, and written when the write goroutine has.
	ended, written chan struct{}
	// renewals are those of the token that are under way.
	renewals sync.WaitGroup
}

// logged is when the log was told last of what may come very often: gaps, since a hub that sends a slow client the newest values alone tells many, and topics
// that the hub can't take now.
type logged struct{ gap, away time.Time }

// betweenLogs is how long the log is spared more of the same.
const betweenLogs = 10 * time.Second

// shared is what the goroutines of a client share. Client.mu guards it.
type shared struct {
	state    State
	stats    Stats
	topics   topicTable
	requests requests
	outbox   outbox
	token    tokenState
	flushes  flushes
	presence presenceTable
	// link is the connection, nil without one.
	link *link
	// room is closed when the outbox has more room; nil until somebody waits.
	room chan struct{}
	// closing says that Close has been called.
	closing bool
	// err is why the client has ended; ErrClosed after Close.
	err error
}

var _ event.Target = (*Client)(nil)

// Dial connects to the hub at a URL: ws or wss (http and https mean the same), or ws+unix:///path/to/socket:/ws for a Unix
// socket. It returns once there is a connection; an error is a *ConnectError for an attempt that failed, or says which field of
// config, or what in the URL, is wrong. With config.Background it returns at once and only the latter can happen. From then on the client
// comes back by itself until Close. ctx bounds the first attempt alone.
func Dial(ctx context.Context, url string, config Config) (*Client, error) {
	cfg, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	at, err := parseEndpoint(url)
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, endpoint: at, signals: signals{
		write: make(chan struct{}, 1), again: make(chan struct{}, 1), ended: make(chan struct{}), written: make(chan struct{}),
	}}
	c.signals.ctx, c.signals.cancel = context.WithCancel(context.Background())
	var first *link
	if !cfg.Background {
		if first, err = c.connectAndTell(ctx, State{}); err != nil {
			c.signals.cancel()
			return nil, err
		}
	}
	go c.run(first)
	go c.write()
	return c, nil
}

// DispatchEvent publishes the event, as Publish does, without ever waiting. It returns false if the event is not valid, does not
// fit the queue, or the client has ended.
func (c *Client) DispatchEvent(e event.Event) bool {
	message, err := encode(e)
	if err != nil {
		return false
	}
	_, err = c.queue(message)
	return err == nil
}

// Publish sends the event to the hub, or queues it until there is a connection (Config.QueueEvents, QueueBytes). It does not wait
// for the hub; Flush does. While there is a connection whose socket takes nothing, it waits for room in Config.SendBuffer until
// ctx ends.
//
// The error says that the event was not taken: it is that of [event.Event.Validate], ErrQueueFull, ErrClosed, that of ctx, or
// why the client has ended. An event that was taken is sent once at most: if the connection breaks behind it, it may be lost. It
// may be refused too, which Config.OnReject tells; with event.Unavailable it may be published again later. Listeners of this client hear it only if its type has a stream. Publish keeps nothing
// of the event.
func (c *Client) Publish(ctx context.Context, e event.Event) error {
	message, err := encode(e)
	if err != nil {
		return err
	}
	for {
		room, err := c.queue(message)
		if err == nil || room == nil {
			return err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return fmt.Errorf("spoke: publish %q: %w", e.Type, ctx.Err())
		case <-c.signals.ctx.Done():
		}
	}
}

func encode(e event.Event) ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, fmt.Errorf("spoke: publish %q: %w", e.Type, err)
	}
	return event.Append(make([]byte, 0, len(e.Type)+len(e.ID)+len(e.Payload)+40), e), nil
}

// queue takes a message into the outbox. Without room on a connection, room is closed when there is more.
func (c *Client) queue(message []byte) (room <-chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return nil, c.err
	case c.closing:
		return nil, ErrClosed
	case c.outbox.hasRoom(len(message), c.link != nil, &c.cfg):
		c.outbox.push(message)
		c.wakeWriter()
		return nil, nil
	case c.link == nil:
		return nil, ErrQueueFull
	}
	if c.room == nil {
		c.room = make(chan struct{})
	}
	return c.room, ErrQueueFull
}

// wakeWriter has the write goroutine look for something to write.
func (c *Client) wakeWriter() {
	select {
	case c.signals.write <- struct{}{}:
	default:
	}
}

// AddEventListener has listener called for the events of the topic that come from the hub. The first listener of a topic
// subscribes to it, and the removal of the last one unsubscribes; changes that come together go to the hub in one message, ahead
// of what is published behind them. It does not wait for the hub: Subscribe does, and Config.OnReject is told if the hub refuses.
//
// Listeners are called one at a time, in the order of the events. While one runs nothing is read, so a hub whose client's listeners are too slow
// closes it with 1013, or leaves events out and tells Config.OnGap. Let another goroutine do what takes long.
func (c *Client) AddEventListener(topic string, listener func(event.Event)) (remove func()) {
	event.MustListen(topic, listener)
	removeListener := c.listeners.Add(topic, listener)
	c.acquire(topic)
	return sync.OnceFunc(func() {
		removeListener()
		c.release(topic)
	})
}

func (c *Client) acquire(topics ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, topic := range topics {
		c.topics.acquire(topic)
	}
	c.wakeWriter()
}

func (c *Client) release(topics ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, topic := range topics {
		c.topics.release(topic)
	}
	c.wakeWriter()
}

// Reconnect ends the connection, if there is one, and connects again without a delay. It does not wait for that.
func (c *Client) Reconnect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != nil {
		c.link.giveUp(errReconnect)
	}
	select {
	case c.signals.again <- struct{}{}:
	default:
	}
}

// Done returns a channel that is closed when the client has ended and its last callback has returned.
func (c *Client) Done() <-chan struct{} { return c.signals.ended }

// Err returns why the client has ended: ErrClosed after Close, a *CloseError or a *ConnectError if the hub won't have it. It is nil
// before.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// guard calls user code and keeps its panic from the client.
func (c *Client) guard(what string, f func()) {
	defer func() {
		if value := recover(); value != nil {
			c.count(func(s *Stats) { s.Panics++ })
			c.cfg.Logger.Error("a "+what+" panicked", "value", fmt.Sprint(value), "stack", string(debug.Stack()))
		}
	}()
	f()
}
