package event

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/spokehub/spokehub/internal/listeners"
)

// maxWaiting is how many events may wait in a Local: what arrives while a listener runs.
const maxWaiting = 65536

// Local is a [Target] within the process, without a network: what is dispatched to it reaches its own listeners. The zero
// value is ready; a Local may not be copied once it is in use.
//
// Listeners are called one at a time, by whichever goroutine dispatches. An event that is dispatched meanwhile, by a listener
// or by another goroutine, waits behind those that came before, with a copy of its payload, and DispatchEvent returns at
// once. Up to 65,536 may wait; a further one is not taken, and DispatchEvent returns false.
type Local struct {
	// OnPanic is told what a listener panicked with, and where; nil has it logged by slog.Default. Set it ahead of use.
	OnPanic func(value any, stack []byte)

	set listeners.Set[func(Event)]
	// mu guards the rest.
	mu sync.Mutex
	// waiting are the events behind the one that is being delivered.
	waiting    []Event
	delivering bool
	closed     bool
}

// DispatchEvent calls the listeners of the event, or lets it wait if they are being called already. It returns false for an
// event that is not valid, after Close, and if there is no room.
func (l *Local) DispatchEvent(e Event) bool {
	if e.Validate() != nil {
		return false
	}
	l.mu.Lock()
	if l.closed || len(l.waiting) >= maxWaiting {
		l.mu.Unlock()
		return false
	}
	if l.delivering {
		l.waiting = append(l.waiting, e.Clone())
		l.mu.Unlock()
		return true
	}
	l.delivering = true
	l.mu.Unlock()
	l.deliverAll(e)
	return true
}

// deliverAll delivers e and then what waits. If a listener ends the goroutine, as [testing.T.FailNow] does, another one
// goes on with what waits.
func (l *Local) deliverAll(e Event) {
	finished := false
	defer func() {
		if !finished {
			go l.deliverWaiting()
		}
	}()
	for ok := true; ok; e, ok = l.next() {
		l.deliver(e)
	}
	finished = true
}

func (l *Local) deliverWaiting() {
	if e, ok := l.next(); ok {
		l.deliverAll(e)
	}
}

// next takes the first event that waits. Without one the delivery is over.
func (l *Local) next() (e Event, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		l.waiting = nil
		l.delivering = false
		return Event{}, false
	}
	e = l.waiting[0]
	l.waiting[0] = Event{}
	l.waiting = l.waiting[1:]
	return e, true
}

func (l *Local) deliver(e Event) {
	if len(e.Payload) == 0 {
		e.Payload = []byte("null")
	}
	ofType, ofTypeAndID := l.set.Of(e.Type, e.ID)
	l.call(ofType, e)
	l.call(ofTypeAndID, e)
}

func (l *Local) call(found []*listeners.Listener[func(Event)], e Event) {
	for _, listener := range found {
		if !listener.Removed() && !l.isClosed() {
			l.callOne(listener.Call, e)
		}
	}
}

func (l *Local) callOne(listener func(Event), e Event) {
	defer func() {
		if value := recover(); value != nil {
			l.panicked(value, debug.Stack())
		}
	}()
	listener(e)
}

func (l *Local) panicked(value any, stack []byte) {
	if l.OnPanic != nil {
		l.OnPanic(value, stack)
		return
	}
	slog.Error("an event listener panicked", "value", fmt.Sprint(value), "stack", string(stack))
}

func (l *Local) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// AddEventListener has listener called for the events of the topic, behind the listeners that are there already.
func (l *Local) AddEventListener(topic string, listener func(Event)) (remove func()) {
	MustListen(topic, listener)
	return l.set.Add(topic, listener)
}

// Close ends the target: events that wait are dropped, no call of a listener begins any more, and DispatchEvent returns
// false. A listener may call it. It does not wait for a call that is under way.
func (l *Local) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.waiting = nil
}

// MustListen panics, in the words that all targets have for it, if topic breaks the rules of [ValidTopic] or listener is
// nil. It is for those who write a [Target].
func MustListen(topic string, listener func(Event)) {
	if listener == nil {
		panic(fmt.Sprintf("listen to %q: the listener is nil", topic))
	}
	if _, _, err := SplitTopic(topic); err != nil {
		panic(fmt.Errorf("listen to %q: %w", topic, err))
	}
}
