// Package listeners keeps functions by the topic that they listen to. Whoever delivers events asks it for those of an
// event without taking a lock; adding and removing are rare and copy what is there.
package listeners

import (
	"slices"
	"sync"
	"sync/atomic"
)

// maxTopic is the length of the longest topic.
const maxTopic = 513

// Set is listeners by topic. F is the type of their functions. The zero value is empty. Any goroutine may use it: readers
// load what is there, those who change it make a new one under mu. A change costs the same however many topics there are.
type Set[F any] struct {
	mu      sync.Mutex
	current atomic.Pointer[table[F]]
}

// Listener is one function that listens to a topic. Its address tells it from others.
type Listener[F any] struct {
	// Call is the function.
	Call    F
	removed atomic.Bool
}

// Removed says whether the listener has been taken away. Who calls listeners asks ahead of each call, so that none begins
// once remove has returned on the same goroutine.
func (l *Listener[F]) Removed() bool { return l.removed.Load() }

// Add puts f among the listeners of a valid topic, behind those that are there. remove takes it away again and may be
// called several times.
func (s *Set[F]) Add(topic string, f F) (remove func()) {
	l := &Listener[F]{Call: f}
	s.change(topic, func(old []*Listener[F]) []*Listener[F] { return append(old, l) })
	return sync.OnceFunc(func() {
		l.removed.Store(true)
		s.change(topic, func(old []*Listener[F]) []*Listener[F] {
			return slices.DeleteFunc(old, func(other *Listener[F]) bool { return other == l })
		})
	})
}

// change replaces the listeners of a topic by what edit makes of a copy of them.
func (s *Set[F]) change(topic string, edit func([]*Listener[F]) []*Listener[F]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.current.Load()
	if t == nil {
		t = newTable[F](1)
	}
	if t.isFull() {
		t = t.doubled()
	}
	t.change(topic, edit)
	if t.topics == 0 {
		t = nil
	}
	s.current.Store(t)
}

// Hear reports whether an event of that type and id has a listener. It allocates nothing and keeps nothing.
func (s *Set[F]) Hear(typ, id []byte) bool {
	t := s.current.Load()
	if t == nil {
		return false
	}
	if len(t.of(typ)) > 0 {
		return true
	}
	if len(id) == 0 {
		return false
	}
	var topic [maxTopic]byte
	return len(t.of(append(append(append(topic[:0], typ...), ':'), id...))) > 0
}

// Of returns the listeners of the type, and those of the type and id. It allocates nothing, and the caller may not change
// what it gets.
func (s *Set[F]) Of(typ, id string) (ofType, ofTypeAndID []*Listener[F]) {
	t := s.current.Load()
	if t == nil {
		return nil, nil
	}
	var buffer [maxTopic]byte
	topic := append(buffer[:0], typ...)
	ofType = t.of(topic)
	if id != "" {
		ofTypeAndID = t.of(append(append(topic, ':'), id...))
	}
	return ofType, ofTypeAndID
}
