//go:build faults && linux

package simulation

import (
	"slices"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// listener is an event listener of the hub or of one spoke. The recorder's lock guards heard and removed.
//
// I1: it hears each event on its topic that was sent after it was added, once and in order. It may hear some that were sent before,
// and none that was sent after it was removed.
type listener struct {
	topic string
	// only is the client whose spoke it listens to, nil for the hub's listeners.
	only *client
	// added and removed are the steps of that; removed is 0 before.
	added   int
	removed int
	panics  bool
	// heard has the numbers of the events it has heard, by series.
	heard  map[int][]int
	remove func()
}

func (s *sim) addListener(topic string, only *client, panics bool) {
	l := &listener{topic: topic, only: only, added: s.step, panics: panics, heard: make(map[int][]int)}
	add := s.hub.AddEventListener
	if only != nil {
		add = only.spoke.AddEventListener
	}
	remove, err := add(topic, func(spoke *fanout.Spoke, what event.Event) { s.listenerCalled(l, spoke, what) })
	if err != nil {
		s.fail("listen to %q: %v", topic, err)
	}
	l.remove = remove
	s.listeners = append(s.listeners, l)
}

func (s *sim) removeListener(l *listener) {
	l.remove()
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	l.removed = s.step
}

// listenerCalled checks what a listener hears.
func (s *sim) listenerCalled(l *listener, spoke *fanout.Spoke, what event.Event) {
	recorder := s.recorder
	seen := recorder.beginCallback(spoke, "a listener")
	defer recorder.endCallback(seen)
	m, ok := stampOf(what.Payload)
	x := trackedEvent{event: what}
	recorder.mu.Lock()
	if of, uncovered := uncoveredOf(what.Payload); uncovered {
		recorder.suspectLocked(of, "a listener got %s:%s, which the spoke may not publish", what.Type, what.ID)
		recorder.mu.Unlock()
		return
	}
	heard := l.heard[m.Series]
	switch {
	case !ok || m.Series < 0 || !x.matches(l.topic):
		recorder.failLocked("client %d: the listener to %s got %s:%s", seen.client, l.topic, what.Type, what.ID)
	case l.only != nil && (l.only.spoke != spoke || relaySeries(l.only.id) != m.Series):
		recorder.failLocked("client %d: the listener to %v got its event", seen.client, l.only)
	case len(heard) > 0 && heard[len(heard)-1] >= m.Seq:
		recorder.failLocked("client %d: the listener to %s got event %d after %d", seen.client, l.topic, m.Seq, heard[len(heard)-1])
	case l.removed > 0 && m.Step > l.removed:
		recorder.failLocked("client %d: the listener to %s, removed at %d, got an event of %d", seen.client, l.topic, l.removed, m.Step)
	}
	l.heard[m.Series] = append(heard, m.Seq)
	if l.panics {
		recorder.panics++
	}
	recorder.mu.Unlock()
	if l.panics {
		panic(deliberatePanic("listener"))
	}
}

// verifyListeners checks that listeners have heard the first events of a client, as many as sent says.
func (s *sim) verifyListeners(c *client, sent int) {
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	for _, l := range s.listeners {
		if l.removed > 0 || l.only != nil && l.only != c {
			continue
		}
		heard := l.heard[relaySeries(c.id)]
		for _, x := range s.seriesOf(c)[:sent] {
			if x.step <= l.added || !x.matches(l.topic) {
				continue
			}
			if _, found := slices.BinarySearch(heard, x.seq); !found {
				s.fail("%v: the listener to %s did not get event %d, sent at %d; it was added at %d", c, l.topic, x.seq, x.step, l.added)
			}
		}
	}
}
