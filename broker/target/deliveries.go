package target

import (
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/internal/listeners"
)

const (
	// waitingDeliveries and waitingBytes are how many events may wait for listeners, and how many bytes of them.
	waitingDeliveries = 1 << 16
	waitingBytes      = 64 << 20
)

// delivery is what listeners, OnLoss or OnState are told: the one that is set, else an event.
type delivery struct {
	event event.Event
	loss  *Loss
	state *State
}

// deliveries is the queue of what user code is told, in order. mu guards all fields but target, wake and end.
type deliveries struct {
	target *Target
	wake   chan struct{}
	end    chan struct{}

	mu      sync.Mutex
	waiting []delivery
	bytes   int
	// lost are the types of events that there was no room for, since there was room last.
	lost     map[string]struct{}
	room     chan struct{}
	isClosed bool
}

func (d *deliveries) init(t *Target) {
	d.target, d.wake, d.end = t, make(chan struct{}, 1), make(chan struct{})
	d.room, d.lost = make(chan struct{}), make(map[string]struct{})
}

func (d *deliveries) isFullLocked() bool {
	return len(d.waiting) >= waitingDeliveries || d.bytes >= waitingBytes
}

// put puts in an event of a type without a stream. What there is no room for is lost, which is told behind what there was room for.
func (d *deliveries) put(item delivery) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isFullLocked() {
		if len(d.lost) < waitingDeliveries {
			d.lost[item.event.Type] = struct{}{}
		}
		return
	}
	d.addLocked(item)
}

// tryPut puts in an event of a stream, or returns a channel that is closed once there may be room.
func (d *deliveries) tryPut(item delivery) (isFull <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isFullLocked() {
		return d.room
	}
	d.addLocked(item)
	return nil
}

// putAlways puts in what is rare and must not get lost. It copies a state.
func (d *deliveries) putAlways(item delivery) {
	if item.state != nil {
		state := *item.state
		item.state = &state
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addLocked(item)
}

func (d *deliveries) addLocked(item delivery) {
	d.tellLostLocked()
	d.waiting = append(d.waiting, item)
	d.bytes += len(item.event.Payload)
	notify(d.wake)
}

func (d *deliveries) tellLostLocked() {
	for typ := range d.lost {
		d.waiting = append(d.waiting, delivery{loss: &Loss{Type: typ, Missed: -1, Reason: "the listeners are slower than the events"}})
	}
	clear(d.lost)
}

// take takes all that waits.
func (d *deliveries) take() []delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tellLostLocked()
	taken := d.waiting
	d.waiting, d.bytes = nil, 0
	close(d.room)
	d.room = make(chan struct{})
	return taken
}

func (d *deliveries) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.isClosed = true
	close(d.end)
}

func (d *deliveries) closed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.isClosed
}

// run calls listeners until the target ends.
func (d *deliveries) run() {
	for {
		select {
		case <-d.end:
			return
		case <-d.wake:
			d.deliverAll(d.take())
		}
	}
}

// deliverAll delivers what was taken. If a listener ends the goroutine, as testing.T.FailNow does, another one goes on.
func (d *deliveries) deliverAll(taken []delivery) {
	isFinished, i := false, 0
	defer func() {
		if !isFinished {
			go func() {
				d.deliverAll(taken[min(i+1, len(taken)):])
				d.run()
			}()
		}
	}()
	for ; i < len(taken); i++ {
		d.deliver(&taken[i])
	}
	isFinished = true
}

func (d *deliveries) deliver(item *delivery) {
	c := &d.target.config
	switch {
	case item.loss != nil:
		if c.OnLoss != nil {
			d.call(func() { c.OnLoss(*item.loss) })
		}
	case item.state != nil:
		if c.OnState != nil {
			d.call(func() { c.OnState(*item.state) })
		}
	default:
		if len(item.event.Payload) == 0 {
			item.event.Payload = []byte("null")
		}
		ofType, ofTypeAndID := d.target.listeners.Of(item.event.Type, item.event.ID)
		d.hear(ofType, item.event)
		d.hear(ofTypeAndID, item.event)
	}
}

func (d *deliveries) hear(found []*listeners.Listener[func(event.Event)], e event.Event) {
	for _, l := range found {
		if !l.Removed() {
			d.call(func() { l.Call(e) })
		}
	}
}

// call calls user code, unless the target has ended.
func (d *deliveries) call(f func()) {
	if d.closed() {
		return
	}
	defer func() {
		if value := recover(); value != nil {
			d.target.config.Logger.Error("a listener panicked", "value", fmt.Sprint(value), "stack", string(debug.Stack()))
		}
	}()
	f()
}
