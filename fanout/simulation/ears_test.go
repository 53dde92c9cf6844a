//go:build faults && linux

package simulation

import (
	"slices"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// ear is a listener. The witness's lock guards heard and removed.
//
// I1: it hears, in order and once each, the events on its topic that were sent while it was there; of those sent before it
// was added it may hear some.
type ear struct {
	topic   string
	only    *client
	added   int
	removed int
	panics  bool
	heard   map[int][]int
	remove  func()
}

func (s *sim) addEar(topic string, only *client, panics bool) {
	e := &ear{topic: topic, only: only, added: s.tick, panics: panics, heard: make(map[int][]int)}
	add := s.hub.AddEventListener
	if only != nil {
		add = only.spoke.AddEventListener
	}
	remove, err := add(topic, func(spoke *fanout.Spoke, what event.Event) { s.hear(e, spoke, what) })
	if err != nil {
		s.fail("listen to %q: %v", topic, err)
	}
	e.remove = remove
	s.ears = append(s.ears, e)
}

func (s *sim) removeEar(e *ear) {
	e.remove()
	s.witness.mu.Lock()
	defer s.witness.mu.Unlock()
	e.removed = s.tick
}

func (s *sim) hear(e *ear, spoke *fanout.Spoke, what event.Event) {
	w := s.witness
	l := w.enter(spoke, "a listener")
	defer w.leave(l)
	m, ok := markOf(what.Payload)
	x := shot{event: what}
	w.mu.Lock()
	heard := e.heard[m.Stream]
	switch {
	case !ok || !x.matches(e.topic):
		w.failLocked("client %d: the listener to %s got %s:%s", l.client, e.topic, what.Type, what.ID)
	case e.only != nil && (e.only.spoke != spoke || relayStream(e.only.id) != m.Stream):
		w.failLocked("client %d: the listener to %v got its event", l.client, e.only)
	case len(heard) > 0 && heard[len(heard)-1] >= m.Seq:
		w.failLocked("client %d: the listener to %s got event %d behind %d", l.client, e.topic, m.Seq, heard[len(heard)-1])
	case e.removed > 0 && m.Tick > e.removed:
		w.failLocked("client %d: the listener to %s, removed at %d, got an event of %d", l.client, e.topic, e.removed, m.Tick)
	}
	e.heard[m.Stream] = append(heard, m.Seq)
	if e.panics {
		w.panics++
	}
	w.mu.Unlock()
	if e.panics {
		panic(deliberate("listener"))
	}
}

// verifyEars wants of listeners the first sent events of a client.
func (s *sim) verifyEars(c *client, sent int) {
	s.witness.mu.Lock()
	defer s.witness.mu.Unlock()
	for _, e := range s.ears {
		if e.removed > 0 || e.only != nil && e.only != c {
			continue
		}
		heard := e.heard[relayStream(c.id)]
		for _, x := range s.streamOf(c)[:sent] {
			if x.tick <= e.added || !x.matches(e.topic) {
				continue
			}
			if _, found := slices.BinarySearch(heard, x.seq); !found {
				s.fail("%v: the listener to %s did not get event %d, sent at %d; it was added at %d", c, e.topic, x.seq, x.tick, e.added)
			}
		}
	}
}
