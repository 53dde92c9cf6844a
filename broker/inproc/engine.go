package inproc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
)

// maxMessage is the length of the longest message, in bytes.
const maxMessage = 8 << 20

var (
	errCut  = fmt.Errorf("%w: this engine is cut off", broker.ErrUnavailable)
	errFull = fmt.Errorf("%w: its streams are full", broker.ErrUnavailable)
	errTorn = fmt.Errorf("%w: the connection broke before the answer", broker.ErrUnavailable)
	errLong = fmt.Errorf("%w: %d bytes at most", broker.ErrTooLong, maxMessage)
)

// Engine is one hub's end of a network. Beside what broker.Broker says, its methods make faults. Any goroutine may call them.
//
// Owners: network, queue and the channels never change. The network's lock guards the rest.
type Engine struct {
	network    *Network
	queue      *queue
	sink       broker.Sink
	keys       map[broker.Key]bool
	faults     Faults
	isCut      bool
	isClosed   bool
	overflowed bool
	end        chan struct{}
	running    sync.WaitGroup
}

// Faults are what goes wrong with an engine that is not cut off.
type Faults struct {
	// Deaf has nothing arrive, though the connection looks healthy, until Reconnect.
	Deaf bool
	// Drop is how many of the next messages are lost without a word.
	Drop int
	// Swallow has Publish succeed and nothing become of it, as with a server that is gone and not known to be.
	Swallow bool
	// Repeat is how many of the next messages arrive twice.
	Repeat int
	// FailAppends is how many of the next appends fail without having been made, TearAppends how many fail although they have been.
	FailAppends, TearAppends int
	// Delay is how long each call takes.
	Delay time.Duration
}

var _ broker.Broker = (*Engine)(nil)

// SetFaults has the engine make faults from now on, in place of those of before.
func (e *Engine) SetFaults(f Faults) {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	e.faults = f
}

// Hold has nothing be delivered, as to a process that is stopped, until it is called with false. Up to limit messages wait meanwhile, 0 for as many as
// usual; more are lost, which the sink is told.
func (e *Engine) Hold(held bool, limit int) {
	if limit == 0 {
		limit = queueLimit
	}
	e.queue.setLimit(limit)
	e.queue.hold(held)
}

// Cut cuts the engine off: what is on its way to it is lost, and so is what it is given.
func (e *Engine) Cut() {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	e.cutLocked()
}

// Heal ends what Cut began.
func (e *Engine) Heal() {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	e.healLocked("cut off")
}

func (e *Engine) cutLocked() {
	if !e.isCut {
		e.isCut = true
		e.queue.dropDeliveries()
		e.queue.putAlways(item{kind: itemDown})
	}
}

func (e *Engine) healLocked(reason string) {
	if e.isCut {
		e.isCut, e.faults.Deaf = false, false
		e.queue.putAlways(item{kind: itemUp})
		e.queue.putAlways(item{kind: itemLost, reason: reason})
	}
}

// Start begins to call the sink. An engine that is not cut off is up at once.
func (e *Engine) Start(s broker.Sink) error {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	switch {
	case e.isClosed:
		return broker.ErrClosed
	case e.sink != nil:
		return errors.New("inproc: the engine has been started already")
	}
	e.sink, e.end = s, make(chan struct{})
	if e.isCut {
		e.queue.putAlways(item{kind: itemDown})
	} else {
		e.queue.putAlways(item{kind: itemUp})
	}
	e.running.Go(e.run)
	return nil
}

func (e *Engine) run() {
	for {
		select {
		case <-e.end:
			return
		case <-e.queue.wake:
		}
		for _, i := range e.queue.take() {
			select {
			case <-e.end:
				return
			default:
			}
			e.tell(&i)
		}
	}
}

func (e *Engine) tell(i *item) {
	switch i.kind {
	case itemDelivery:
		e.sink.Deliver(i.delivery)
	case itemUp:
		e.sink.Up()
	case itemDown:
		e.sink.Down(errCut)
	default:
		e.sink.Lost(i.reason)
	}
}

// wait takes as long as calls take, and says why one can't be made.
func (e *Engine) wait(ctx context.Context) error {
	e.network.mu.Lock()
	delay := e.faults.Delay
	e.network.mu.Unlock()
	if delay > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(delay):
		}
	}
	return ctx.Err()
}

// whyNotLocked says why a call can't be made.
func (e *Engine) whyNotLocked() error {
	switch {
	case e.isClosed:
		return broker.ErrClosed
	case e.isCut:
		return errCut
	}
	return nil
}

// Subscribe is what broker.Broker says.
func (e *Engine) Subscribe(ctx context.Context, keys ...broker.Key) error {
	err := e.wait(ctx)
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	if e.isClosed {
		return broker.ErrClosed
	}
	for _, key := range keys {
		e.keys[key] = true
	}
	if err != nil {
		return err
	}
	return e.whyNotLocked()
}

// Unsubscribe is what broker.Broker says.
func (e *Engine) Unsubscribe(ctx context.Context, keys ...broker.Key) error {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	for _, key := range keys {
		delete(e.keys, key)
	}
	return e.whyNotLocked()
}

// Keys are those that the engine is subscribed to, in any order.
func (e *Engine) Keys() []broker.Key {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	return slices.Collect(maps.Keys(e.keys))
}

// Publish is what broker.Broker says.
func (e *Engine) Publish(ctx context.Context, messages []broker.Message) error {
	if err := e.wait(ctx); err != nil {
		return err
	}
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	if err := e.whyNotLocked(); err != nil {
		return err
	}
	var long error
	for i := range messages {
		if len(messages[i].Data) > maxMessage {
			long = errLong
			continue
		}
		if !e.faults.Swallow {
			e.network.publishLocked(messages[i].Key, event.Position{}, messages[i].Data)
		}
	}
	return long
}

// Longest is what broker.Broker says.
func (e *Engine) Longest() int { return maxMessage }

// Append is what broker.Broker says.
func (e *Engine) Append(ctx context.Context, events []*broker.Append) {
	err := e.wait(ctx)
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	for _, a := range events {
		a.Position, a.Repeated = event.Position{}, false
		if a.Err = err; a.Err == nil {
			a.Err = e.appendLocked(a)
		}
	}
}

func (e *Engine) appendLocked(a *broker.Append) error {
	if err := e.whyNotLocked(); err != nil {
		return err
	}
	switch {
	case len(a.Data) > maxMessage:
		return errLong
	case e.network.isFull:
		return errFull
	case e.faults.FailAppends > 0:
		e.faults.FailAppends--
		return errCut
	}
	s := e.network.sequenceLocked(a.Type)
	if offset := s.keys.used(a.Key); offset > 0 {
		a.Position, a.Repeated = event.Position{Epoch: s.epoch, Offset: offset}, true
		return nil
	}
	offset := s.append(a.Policy, strings.Clone(a.ID), bytes.Clone(a.Data))
	if a.Key != "" {
		s.keys.add(a.Key, offset)
	}
	a.Position = event.Position{Epoch: s.epoch, Offset: offset}
	e.network.tellWatchLocked(a.Type, a.Position, a.Data)
	e.network.publishLocked(broker.Key{Kind: broker.Stream, Type: a.Type}, a.Position, a.Data)
	if e.faults.TearAppends > 0 {
		e.faults.TearAppends--
		a.Position = event.Position{}
		return errTorn
	}
	return nil
}

// sequenceLocked returns the stream of a type, which begins if there is none.
func (n *Network) sequenceLocked(typ string) *sequence {
	s := n.streams[typ]
	if s == nil {
		n.epochs++
		s = &sequence{epoch: epochOf(n.epochs)}
		n.streams[strings.Clone(typ)] = s
		n.tellWatchLocked(typ, event.Position{Epoch: s.epoch}, nil)
	}
	return s
}

// Read is what broker.Broker says.
func (e *Engine) Read(ctx context.Context, q broker.Query) (broker.Page, error) {
	if err := e.wait(ctx); err != nil {
		return broker.Page{}, err
	}
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	if err := e.whyNotLocked(); err != nil {
		return broker.Page{}, err
	}
	return e.network.sequenceLocked(q.Type).page(q), nil
}

// Tops is what broker.Broker says.
func (e *Engine) Tops(ctx context.Context, dst []event.Position, types ...string) ([]event.Position, error) {
	if err := e.wait(ctx); err != nil {
		return dst, err
	}
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	if err := e.whyNotLocked(); err != nil {
		return dst, err
	}
	for _, typ := range types {
		s := e.network.sequenceLocked(typ)
		dst = append(dst, event.Position{Epoch: s.epoch, Offset: s.top})
	}
	return dst, nil
}

// Reconnect is what broker.Broker says: a deaf engine hears again.
func (e *Engine) Reconnect(reason string) {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	e.reconnectLocked(reason)
}

// reconnectLocked has the engine lose its connection and make another, if it is not cut off.
func (e *Engine) reconnectLocked(reason string) {
	if !e.isCut {
		e.cutLocked()
		e.healLocked(reason)
	}
}

// Close is what broker.Broker says.
func (e *Engine) Close() error {
	n := e.network
	n.mu.Lock()
	if e.isClosed {
		n.mu.Unlock()
		e.running.Wait()
		return nil
	}
	e.isClosed = true
	for i := range n.engines {
		if n.engines[i] == e {
			n.engines = append(n.engines[:i], n.engines[i+1:]...)
			break
		}
	}
	end := e.end
	n.mu.Unlock()
	if end != nil {
		close(end)
	}
	e.running.Wait()
	return nil
}
