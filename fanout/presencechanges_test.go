package fanout

import (
	"testing"

	"github.com/spokehub/spokehub/netpoll"
)

func TestStormsAreToldInPiecesAndWhatCancelsOutIsNot(t *testing.T) {
	t.Parallel()
	const storm = 10000
	l := presenceHub(t, Config{Reactors: 2, Engine: EngineGoroutine, QueueLimit: 256 << 10})
	var watchers []*reading
	for range 10 {
		here, _ := l.joinAs("watcher")
		l.ask(here, "1")
		r := &reading{loopHub: l, here: here, users: map[string]bool{}}
		r.list()
		watchers = append(watchers, r)
	}
	room := l.crowd(0, storm, "")
	l.leave(room, 0, storm/2, "")
	for _, r := range watchers {
		r.until(storm / 2)
	}
	if told := l.hub.presence.counts.told.Load(); told < storm/2 {
		t.Errorf("got %d changes told, want %d at least", told, storm/2)
	}
	l.leave(room, storm/2, storm, "")
	for _, r := range watchers {
		r.until(0)
	}
	l.until("nothing is held", func() bool { return l.hub.presence.heldBytes() == 0 })
}

func TestNothingIsTimedWhileNothingChangesOrNobodyWatches(t *testing.T) {
	l := presenceHub(t, Config{Reactors: 2, Engine: EngineGoroutine})
	l.joinAs("other")
	teller := &l.hub.presence.teller
	room := l.crowd(0, 100, "")
	l.leave(room, 0, 50, "")
	if teller.armed.Load() || teller.waiting.Load() != 0 || len(l.hub.Presence("room")) != 50 {
		t.Error("got changes gathered for nobody, want none")
	}
	here, _ := l.joinAs("watcher")
	l.ask(here, "1")
	r := &reading{loopHub: l, here: here, users: map[string]bool{}}
	r.next()
	r.until(50)
	teller.mu.Lock()
	l.crowd(100, 101, "")
	if !teller.armed.Load() {
		t.Error("got no timer for a change, want one")
	}
	teller.mu.Unlock()
	r.until(51)
	l.until("the timer is off", func() bool { return !teller.armed.Load() && teller.waiting.Load() == 0 })
}

func TestWhoComesAndGoesAtOnceIsNotTold(t *testing.T) {
	l := presenceHub(t, Config{Reactors: 2, Engine: EngineGoroutine})
	l.joinAs("other")
	l.crowd(0, 1, "stays")
	here, _ := l.joinAs("watcher")
	l.ask(here, "1")
	r := &reading{loopHub: l, here: here, users: map[string]bool{}}
	r.list()
	l.hub.presence.teller.mu.Lock()
	for range 100 {
		room := l.crowd(1, 2, "passes")
		l.leave(room, 1, 2, "passes")
		l.leave(room, 0, 1, "stays")
		l.crowd(0, 1, "stays")
	}
	room := l.crowd(2, 3, "comes")
	l.hub.presence.teller.mu.Unlock()
	r.until(2)
	if told := l.hub.presence.counts.told.Load(); told != 1 || room.users() != 2 || !r.users["2comes"] {
		t.Errorf("got %d changes told and %v in the room, want who came last told alone", told, r.users)
	}
}

func TestASpokeThatLagsBehindWithEventsIsToldOfChanges(t *testing.T) {
	l := presenceHub(t, Config{Reactors: 1, Engine: EngineGoroutine})
	here, spoke := l.joinAs("watcher")
	l.ask(here, "1")
	r := &reading{loopHub: l, here: here, users: map[string]bool{}}
	r.list()
	spoke.loop.ask(func(*netpoll.Reactor) { l.hub.loops[0].sender.SetLagging(spoke.conn.Slot, true) })
	l.crowd(0, 10, "")
	r.until(10)
	spoke.loop.ask(func(*netpoll.Reactor) { l.hub.loops[0].sender.SetLagging(spoke.conn.Slot, false) })
}
