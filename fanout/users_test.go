package fanout

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
)

// joinAs connects a client of a user.
func (l *loopHub) joinAs(user string) (net.Conn, *Spoke) {
	l.t.Helper()
	return l.join(AddOptions{Identity: Identity{User: user}})
}

// joinDrained is joinAs for a client that reads and ignores all.
func (l *loopHub) joinDrained(user string) *Spoke {
	here, spoke := l.joinAs(user)
	go io.Copy(io.Discard, here)
	return spoke
}

func idsOf(spokes []*Spoke) []uint64 {
	var ids []uint64
	for _, s := range spokes {
		ids = append(ids, s.ID())
	}
	return ids
}

func (l *loopHub) wantsSpokes(what string, got []*Spoke, want ...*Spoke) {
	l.t.Helper()
	if !slices.Equal(idsOf(got), idsOf(want)) {
		l.t.Errorf("%s: got the spokes %v, want %v", what, idsOf(got), idsOf(want))
	}
}

func TestEventsForAUserReachAllConnectionsOfThatUserAlone(t *testing.T) {
	eachLoopHub(t, func(t *testing.T, l *loopHub) {
		for _, user := range []string{"ada", "urn:user:ada", "t", "t:1"} {
			var own []net.Conn
			for range 3 {
				here, _ := l.joinAs(user)
				own = append(own, here)
			}
			other, spoke := l.joinAs("grace")
			nobody, anonymous := l.join()
			l.send(own[0], `{"type":"__subscribe","id":"1","payload":{"topics":["note","note:1"]}}`)
			l.wants(own[0], `"__ack"`)
			for _, refused := range []bool{l.hub.DispatchToUser("", event.Event{Type: "note"}), l.hub.DispatchToUser("nobody", event.Event{Type: "note"}),
				l.hub.DispatchToUser(user, event.Event{Type: "a:b"})} {
				if !refused {
					t.Error("got false, want true always")
				}
			}
			l.hub.DispatchToUser(user, event.Event{Type: "note", ID: "1"})
			spoke.DispatchEvent(event.Event{Type: "last"})
			anonymous.DispatchEvent(event.Event{Type: "last"})
			for _, s := range l.hub.UserSpokes(user) {
				s.DispatchEvent(event.Event{Type: "last"})
			}
			for _, c := range own {
				l.wants(c, `{"type":"note","id":"1","payload":null}`)
				l.wants(c, `"last"`)
			}
			l.wants(other, `"last"`)
			l.wants(nobody, `"last"`)
		}
		if got := l.hub.counters.invalidEvents.Load(); got != 4 {
			t.Errorf("got %d invalid events counted, want one for each user", got)
		}
	})
}

func TestPromise6EventsForAUserAndForTopicsKeepTheirOrder(t *testing.T) {
	eachLoopHub(t, func(t *testing.T, l *loopHub) {
		here, spoke := l.joinAs("ada")
		l.send(here, `{"type":"__subscribe","id":"1","payload":{"topic":"n"}}`)
		l.wants(here, `"__ack"`)
		const events = 300
		go func() {
			for i := range events {
				e := event.Event{Type: "n", ID: fmt.Sprint(i)}
				switch i % 3 {
				case 0:
					l.hub.DispatchEvent(e)
				case 1:
					l.hub.DispatchToUser("ada", e)
				default:
					spoke.DispatchEvent(e)
				}
			}
		}()
		for i := range events {
			f, err := ws.ReadFrame(here)
			if want := fmt.Sprintf(`{"type":"n","id":"%d","payload":null}`, i); err != nil || string(f.Payload) != want {
				t.Fatalf("got %s and %v as event %d, want %s", f.Payload, err, i, want)
			}
		}
	})
}

func TestTheIndexOfUsersHasEveryOpenSpokeOfAUserAndNoOther(t *testing.T) {
	eachLoopHub(t, func(t *testing.T, l *loopHub) {
		dice := rand.New(rand.NewPCG(1, 2))
		names := []string{"ada", "grace", "", "ada:1"}
		model := map[string][]*Spoke{}
		for range 150 {
			name := names[dice.IntN(len(names))]
			if own := model[name]; len(own) > 0 && dice.IntN(3) == 0 {
				at := dice.IntN(len(own))
				gone := own[at]
				model[name] = slices.Delete(own, at, at+1)
				gone.Close(CodeNormal, "")
				gone.loop.ask(func(*netpoll.Reactor) {})
				continue
			}
			model[name] = append(model[name], l.joinDrained(name))
		}
		members := 0
		for _, name := range names[:2] {
			l.wantsSpokes(name, l.hub.UserSpokes(name), model[name]...)
			members += len(model[name])
		}
		l.wantsSpokes("nobody", l.hub.UserSpokes(""))
		members += len(model["ada:1"])
		if got := l.hub.users.Subscriptions(); got != members {
			t.Errorf("got %d spokes in the index, want the %d that have a user", got, members)
		}
	})
}

func TestASpokeThatSaysLaterWhoItIsIsOneOfItsUsers(t *testing.T) {
	l := hubOf(t, Config{})
	_, spoke := l.join()
	l.wantsSpokes("before", l.hub.UserSpokes("ada"))
	spoke.loop.ask(func(*netpoll.Reactor) {
		spoke.setIdentity(Identity{User: "ada"})
		spoke.loop.addToUser(spoke)
	})
	l.wantsSpokes("then", l.hub.UserSpokes("ada"), spoke)
}

func TestASpokeIsAmongThoseOfItsUserWhenOnConnectionIsCalled(t *testing.T) {
	found := make(chan []*Spoke, 1)
	var hub *Hub
	ready := make(chan struct{})
	l := hubOf(t, Config{OnConnection: func(s *Spoke, _ net.Conn) {
		<-ready
		found <- hub.UserSpokes(s.Identity().User)
	}})
	hub = l.hub
	close(ready)
	_, spoke := l.joinAs("ada")
	l.wantsSpokes("ada", <-found, spoke)
}

func TestDisconnectingAUserClosesAllThatThereAre(t *testing.T) {
	for name, c := range map[string]struct {
		spokes int
		code   uint16
		want   uint16
	}{
		"none":                             {0, CodeForbidden, 0},
		"one":                              {1, CodePolicy, CodePolicy},
		"more than a slice":                {3*closeSlice + 1, CodeForbidden, CodeForbidden},
		"with a code that no server sends": {1, 1005, CodeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			l := hubOf(t, Config{Reactors: 2, Engine: EngineGoroutine})
			var clients []net.Conn
			for range c.spokes {
				here, _ := l.joinAs("ada")
				clients = append(clients, here)
			}
			other := l.joinDrained("grace")
			if got := l.hub.DisconnectUser("ada", c.code, "go"); got != c.spokes {
				t.Errorf("got %d closed, want %d", got, c.spokes)
			}
			l.wantsSpokes("ada", l.hub.UserSpokes("ada"))
			l.wantsSpokes("grace", l.hub.UserSpokes("grace"), other)
			if got := l.hub.DisconnectUser("ada", c.code, "go"); got != 0 {
				t.Errorf("got %d closed again, want none", got)
			}
			for _, here := range clients {
				f, err := ws.ReadFrame(here)
				code, reason := ws.ParseCloseFrameData(f.Payload)
				if err != nil || uint16(code) != c.want || reason != "go" {
					t.Fatalf("got the code %d, the reason %q and %v, want %d and go", code, reason, err, c.want)
				}
			}
		})
	}
}

func TestAllMethodsOfUsersMayBeCalledInACallback(t *testing.T) {
	done := make(chan int, 1)
	var l *loopHub
	l = hubOf(t, Config{Reactors: 2, OnEvent: func(s *Spoke, e event.Event) {
		l.hub.DispatchToUser("ada", e)
		n := len(l.hub.UserSpokes("ada")) + len(l.hub.Members("a"))
		done <- n + l.hub.DisconnectUser("ada", CodePolicy, "")
	}})
	here, _ := l.joinAs("ada")
	l.send(here, `{"type":"__subscribe","payload":{"topic":"a"}}`)
	l.send(here, `{"type":"go"}`)
	if got := <-done; got != 3 {
		t.Errorf("got %d, want one spoke found, one member, and one closed", got)
	}
}

func TestMembersAreTheSpokesOfATopic(t *testing.T) {
	t.Parallel()
	l := hubOf(t, Config{Reactors: 3})
	var ofType, ofID []*Spoke
	const spokes = 3 * (memberSlice/2 + 1)
	for i := range spokes {
		here, s := l.join()
		topics, n := `["order"]`, 1
		if i%3 == 0 {
			topics, n = `["order","order:7"]`, 2
			ofID = append(ofID, s)
		}
		ofType = append(ofType, s)
		before := l.hub.index.Subscriptions()
		l.send(here, `{"type":"__subscribe","payload":{"topics":`+topics+`}}`)
		l.until("the subscription", func() bool { return l.hub.index.Subscriptions() == before+n })
	}
	l.wantsSpokes("the type", l.hub.Members("order"), ofType...)
	l.wantsSpokes("the type and id", l.hub.Members("order:7"), ofID...)
	for _, topic := range []string{"", "order:8", "order:", "orders", strings.Repeat("x", 1000)} {
		l.wantsSpokes(topic, l.hub.Members(topic))
	}
}

func TestMembersWhoStayAreFoundWhileOthersLeave(t *testing.T) {
	l := hubOf(t, Config{Reactors: 1, Engine: EngineGoroutine})
	var spokes []*Spoke
	const all = 3 * memberSlice
	loop := l.hub.loops[0]
	for range all {
		spokes = append(spokes, l.joinDrained("ada"))
	}
	topic := l.hub.users.MatchTopic("ada").Type
	var found []*Spoke
	next := all
	for turn := 0; next > 0; turn++ {
		loop.ask(func(*netpoll.Reactor) { found, next = loop.appendSlice(found, topic, next) })
		for _, s := range []int{turn, all/2 + turn, all - 1 - turn} {
			spokes[s].Close(CodeNormal, "")
			spokes[s] = nil
		}
	}
	for i, s := range spokes {
		if s != nil && !slices.Contains(found, s) {
			t.Errorf("got no spoke %d, want all found that stay", i)
		}
	}
}

func TestADispatchToAUserAllocatesNothing(t *testing.T) {
	l := hubOf(t, Config{})
	e := event.Event{Type: "note", ID: "1", Payload: []byte(`{"a":1}`)}
	if got := testing.AllocsPerRun(1000, func() { l.hub.DispatchToUser("urn:nobody", e) }); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

// BenchmarkMembers finds the members of a topic, with and without the index of what a topic has.
func BenchmarkMembers(b *testing.B) {
	hub, err := New(Config{Reactors: 2, Engine: EngineGoroutine})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = hub.Shutdown(now)
	}()
	const members = 2000
	for range members {
		here, there := net.Pipe()
		s, err := hub.AddConnection(there)
		if err != nil {
			b.Fatal(err)
		}
		defer here.Close()
		s.loop.ask(func(*netpoll.Reactor) { s.loop.part.Subscribe(s.conn.Slot, []byte("order")) })
	}
	b.Run("by=topic", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if got := len(hub.Members("order")); got != members {
				b.Fatalf("got %d members, want %d", got, members)
			}
		}
	})
	b.Run("by=spoke", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			got := 0
			for s := range hub.Spokes() {
				if slices.Contains(s.Subscriptions(), "order") {
					got++
				}
			}
			if got != members {
				b.Fatalf("got %d members, want %d", got, members)
			}
		}
	})
}
