// Package listeners keeps functions by the topic that they listen to. Whoever delivers events asks it for those of an
// event without taking a lock; adding and removing are rare and copy what is there.
package listeners

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// maxTopic is the length of the longest topic.
const maxTopic = 513

// Set is listeners by topic. F is the type of their functions. The zero value is empty. Any goroutine may use it: readers
// load what is there, those who change it make a new one under mu.
type Set[F any] struct {
	mu      sync.Mutex
	current atomic.Pointer[byTopic[F]]
}

// byTopic are listeners by topic. They never change.
type byTopic[F any] map[string][]*Listener[F]

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
	next := make(byTopic[F])
	if old := s.current.Load(); old != nil {
		maps.Copy(next, *old)
	}
	next[topic] = edit(slices.Clone(next[topic]))
	if len(next[topic]) == 0 {
		delete(next, topic)
	}
	if len(next) == 0 {
		s.current.Store(nil)
		return
	}
	s.current.Store(&next)
}

// Hear reports whether an event of that type and id has a listener. It allocates nothing and keeps nothing.
func (s *Set[F]) Hear(typ, id []byte) bool {
	current := s.current.Load()
	if current == nil {
		return false
	}
	if len((*current)[string(typ)]) > 0 {
		return true
	}
	if len(id) == 0 {
		return false
	}
	var topic [maxTopic]byte
	return len((*current)[string(append(append(append(topic[:0], typ...), ':'), id...))]) > 0
}

// Of returns the listeners of the type, and those of the type and id. It allocates nothing, and the caller may not change
// what it gets.
func (s *Set[F]) Of(typ, id string) (ofType, ofTypeAndID []*Listener[F]) {
	current := s.current.Load()
	if current == nil {
		return nil, nil
	}
	ofType = (*current)[typ]
	if id != "" {
		var topic [maxTopic]byte
		ofTypeAndID = (*current)[string(append(append(append(topic[:0], typ...), ':'), id...))]
	}
	return ofType, ofTypeAndID
}
