package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/redis/rueidis"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

// link is a connection with subscriptions. The manager owns it, except for the queue, which its goroutine empties.
type link struct {
	address string
	engine  *Engine
	conn    rueidis.DedicatedClient
	queue   queue
	ears    ears
	moved   moved
	// spill belongs to the goroutine of deliver.
	spill spill
	// ended is closed when the connection has, and cause says then why.
	ended chan struct{}
	cause error
	done  sync.WaitGroup
	// ctx ends with the link, or with its session.
	ctx    context.Context
	cancel context.CancelFunc
}

// ears say when something has come.
type ears struct {
	// count is how many messages have come.
	count atomic.Uint64
	// bucket is that of the channel on which the engine hears itself.
	bucket int
	// seen is what count was when the manager looked last, and since when it has been that.
	seen  uint64
	since time.Time
	// asked is when the engine published to itself since then; zero if it did not.
	asked time.Time
}

// moved has the channels that the server has ended by itself, as their slot is not its own any more.
type moved struct {
	mu       sync.Mutex
	channels []string
}

func (m *moved) take() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	channels := m.channels
	m.channels = nil
	return channels
}

// openLink connects to a server and subscribes to the channel on which the engine hears itself. A server that has begun anew has forgotten the scripts, so
// they are loaded first.
func (e *Engine) openLink(s *session, address string, bucket int) (*link, error) {
	node := s.client.Nodes()[address]
	if node == nil {
		return nil, fmt.Errorf("%s is not known to be a node of Redis yet", address)
	}
	if err := e.loadScripts(s, node); err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	l := &link{address: address, engine: e, ended: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancel(s.ctx)
	l.queue = queue{limit: e.config.Limits.Queue, limitBytes: e.config.Limits.QueueBytes, wake: make(chan struct{}, 1)}
	l.ears = ears{bucket: bucket, since: time.Now()}
	conn, release := node.Dedicate()
	l.conn = conn
	lost := conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: l.heard, OnSubscription: l.changed})
	l.done.Go(func() {
		l.cause = errors.New("the connection to Redis has ended")
		if err := <-lost; err != nil {
			l.cause = explain(err)
		}
		close(l.ended)
		e.table.signal()
		release()
	})
	l.done.Go(l.deliver)
	probe := e.names.probe(bucket, e.epochs.engine)
	if err := l.subscribe([][]string{{probe}}, func([]string) {}); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// close ends the connection and waits for the goroutines, which are within a call of the sink perhaps.
func (l *link) close() {
	l.conn.Close()
	l.cancel()
	l.done.Wait()
}

// alive is nil until the connection has ended.
func (l *link) alive() error {
	select {
	case <-l.ended:
		return fmt.Errorf("%s: %w", l.address, l.cause)
	default:
		return nil
	}
}

// heard takes a message from the goroutine of the library that reads.
func (l *link) heard(m rueidis.PubSubMessage) {
	l.ears.count.Add(1)
	l.queue.put(m)
}

// changed learns what becomes of subscriptions.
func (l *link) changed(s rueidis.PubSubSubscription) {
	if s.Kind != "sunsubscribe" {
		return
	}
	l.moved.mu.Lock()
	l.moved.channels = append(l.moved.channels, s.Channel)
	l.moved.mu.Unlock()
	l.engine.table.signal()
}

// deliver empties the queue.
func (l *link) deliver() {
	var spare []rueidis.PubSubMessage
	for {
		messages, dropped := l.queue.take(spare[:0])
		for i := range messages {
			l.engine.deliver(messages[i])
			if l.engine.life.ctx.Err() != nil {
				return
			}
		}
		clear(messages)
		spare = messages
		if dropped > 0 {
			l.spilled(dropped)
		}
		if len(messages) > 0 {
			continue
		}
		select {
		case <-l.queue.wake:
		case <-l.ctx.Done():
			return
		}
	}
}

// spilled tells the sink what the queue has dropped, and the log from time to time.
func (l *link) spilled(dropped int) {
	if messages := l.spill.add(dropped); messages > 0 {
		l.engine.config.Logger.Warn("messages from Redis were dropped, as this hub did not keep up", "address", l.address, "messages", messages)
	}
	l.engine.sink.Lost(fmt.Sprintf("%d messages came faster than this hub took them", dropped))
}

// deliver hands a message to the sink.
func (e *Engine) deliver(m rueidis.PubSubMessage) {
	letter, text := e.names.parse(m.Channel)
	d := broker.Delivery{Data: unsafe.Slice(unsafe.StringData(m.Message), len(m.Message))}
	switch letter {
	case letterPlain:
	case letterByID:
		d.ByID = true
	case letterControl:
		d.Kind, d.Name = broker.Control, text
	case letterStream:
		head, _, found := strings.Cut(m.Message, "\n")
		position, err := event.ParsePosition(head)
		d.Kind = broker.Stream
		if found && err == nil {
			d.Position, d.Data = position, d.Data[len(head)+1:]
		}
	default:
		return
	}
	e.sink.Deliver(d)
}

// subscribe subscribes to batches of channels, one command each, and calls done for each that Redis has confirmed. In a cluster the channels of a batch have one slot.
func (l *link) subscribe(batches [][]string, done func(channels []string)) error {
	return l.each(batches, func(channels []string) rueidis.Completed {
		if l.engine.names.sharded {
			return l.conn.B().Ssubscribe().Channel(channels...).Build()
		}
		return l.conn.B().Subscribe().Channel(channels...).Build()
	}, done)
}

// unsubscribe is the opposite of subscribe.
func (l *link) unsubscribe(batches [][]string) error {
	return l.each(batches, func(channels []string) rueidis.Completed {
		if l.engine.names.sharded {
			return l.conn.B().Sunsubscribe().Channel(channels...).Build()
		}
		return l.conn.B().Unsubscribe().Channel(channels...).Build()
	}, func([]string) {})
}

// commandsAtOnce is how many commands with a batch each are on their way at most.
const commandsAtOnce = 16

// each runs a command for each batch, and done for those that have succeeded. It returns the first error.
func (l *link) each(batches [][]string, command func([]string) rueidis.Completed, done func([]string)) error {
	var first error
	for len(batches) > 0 {
		now := batches[:min(commandsAtOnce, len(batches))]
		batches = batches[len(now):]
		commands := make([]rueidis.Completed, len(now))
		for i, channels := range now {
			commands[i] = command(channels)
		}
		bounded, cancel := context.WithTimeout(l.ctx, l.engine.config.Limits.Timeout)
		results := l.conn.DoMulti(bounded, commands...)
		cancel()
		for i, result := range results {
			if err := result.Error(); err == nil {
				done(now[i])
			} else if first == nil {
				first = fmt.Errorf("%s: %w", l.address, explain(err))
			}
		}
		if err := l.alive(); err != nil {
			return err
		}
	}
	return first
}
