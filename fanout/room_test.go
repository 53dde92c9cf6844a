package fanout

import (
	"fmt"
	"testing"

	"github.com/spokehub/spokehub/netpoll"
)

func TestARoomHasEveryOccupantInItsPlace(t *testing.T) {
	t.Parallel()
	l := presenceHub(t, Config{Reactors: 1, Engine: EngineGoroutine})
	p := l.hub.presence
	model := map[string]int32{}
	var r *room
	for step := range 40000 {
		user := fmt.Sprint(step * 7919 % 997)
		if step/3000%2 == 0 || model[user] == 0 {
			if step/3000%2 == 1 && step%5 != 0 {
				continue
			}
			p.join([]byte("room"), user)
			model[user]++
		} else {
			p.leave(r, user)
			if model[user]--; model[user] == 0 {
				delete(model, user)
			}
		}
		r = p.find([]byte("room"))
		if r == nil && len(model) == 0 {
			continue
		}
		if p := r.chunks; len(p) > 0 && (len(p)-1)*chunkOccupants+len(p[len(p)-1].occupants) != len(model) || r.users() != len(model) || r.places != nil && len(r.places) != len(model) {
			t.Fatalf("step %d: got %d chunks, a size of %d and %d places, want %d", step, len(r.chunks), r.users(), len(r.places), len(model))
		}
		for name, connections := range model {
			if o := r.occupantLocked(name); o == nil || o.user != name || o.connections != connections {
				t.Fatalf("step %d: got %+v, want %s with %d connections", step, o, name, connections)
			}
		}
	}
	for user, connections := range model {
		for range connections {
			p.leave(r, user)
		}
	}
	if p.find([]byte("room")) != nil || p.heldBytes() != 0 || p.counts.rooms.Load() != 0 {
		t.Errorf("got %d bytes held by %d rooms that nobody is in, want none", p.heldBytes(), p.counts.rooms.Load())
	}
}

func TestARoomSetHasTheRoomsOfASpoke(t *testing.T) {
	var set roomSet
	rooms := make([]*room, 40)
	for i := range rooms {
		rooms[i] = &room{topic: fmt.Sprint(i)}
		set.add(rooms[i])
		if set.count() != i+1 || !set.has(rooms[i]) || len(set.all()) != i+1 {
			t.Fatalf("got %d rooms, want %d with the last one", set.count(), i+1)
		}
	}
	if set.memory() < 40*int(occupantBytes) {
		t.Errorf("got %d bytes, want at least those of 40 occupants", set.memory())
	}
	for i := range rooms {
		if !set.remove(rooms[i]) || set.remove(rooms[i]) || set.count() != len(rooms)-1-i {
			t.Fatalf("got room %d removed not at all or twice, or %d left", i, set.count())
		}
	}
}

func TestRoomsCountAsMemoryOfTheirSpoke(t *testing.T) {
	l := presenceHub(t, Config{Reactors: 1, Engine: EngineGoroutine})
	here, spoke := l.joinAs("ada")
	held := func() (by int, all int64) {
		spoke.loop.ask(func(*netpoll.Reactor) { by = spoke.loop.heldBy(spoke) })
		return by, l.hub.presence.heldBytes()
	}
	before, _ := held()
	for i := range 100 {
		l.send(here, fmt.Sprintf(`{"type":"__subscribe","payload":{"topic":"room:%d"}}`, i))
	}
	l.until("the rooms", func() bool { return l.hub.Stats().PresenceRooms == 100 })
	by, all := held()
	if all < 100*int64(roomOverhead) || by-before < int(all) {
		t.Errorf("got %d bytes of rooms and %d more of the spoke, want the former part of the latter", all, by-before)
	}
	if st := l.hub.Stats(); st.Memory.Subscriptions < uint64(all) {
		t.Errorf("got %d bytes of subscriptions, want the %d of rooms among them", st.Memory.Subscriptions, all)
	}
}
