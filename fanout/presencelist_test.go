package fanout

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/stream"
)

// presenceHub is a hub whose topics of type room have presence.
func presenceHub(t *testing.T, cfg Config) *loopHub {
	t.Helper()
	cfg.Policies = []stream.Policy{{Match: "room", Presence: true}}
	return hubOf(t, cfg)
}

// crowd has users without connections join a room, from one number to another, with a text behind each.
func (l *loopHub) crowd(from, to int, behind string) (r *room) {
	l.t.Helper()
	for i := from; i < to; i++ {
		r = l.hub.presence.join([]byte("room"), fmt.Sprintf("%d%s", i, behind))
	}
	return r
}

// leave has them leave.
func (l *loopHub) leave(r *room, from, to int, behind string) {
	for i := from; i < to; i++ {
		l.hub.presence.leave(r, fmt.Sprintf("%d%s", i, behind))
	}
}

// ask sends a __presence for topic room.
func (l *loopHub) ask(here net.Conn, id string) {
	l.t.Helper()
	l.send(here, `{"type":"__presence","id":"`+id+`","payload":{"topic":"room"}}`)
}

// reading are the users that a client knows of, as the messages come.
type reading struct {
	*loopHub
	here  net.Conn
	users map[string]bool
	acks  int
}

// next reads a message that is an ack or a change of presence, and reports whether more of a list is to come.
func (r *reading) next() (more bool) {
	r.t.Helper()
	f, err := ws.ReadFrame(r.here)
	if err != nil || f.Header.OpCode != ws.OpText {
		r.t.Fatalf("got a frame %v of %d bytes and %v, want a message", f.Header.OpCode, len(f.Payload), err)
	}
	if len(f.Payload) > r.hub.cfg.QueueLimit/4 {
		r.t.Errorf("got a message of %d bytes, want a quarter of the queue at most", len(f.Payload))
	}
	if ack, err := event.ParseAck(f.Payload); err == nil {
		r.acks++
		for _, m := range ack.Users {
			if r.users[m.User] {
				r.t.Fatalf("got %s listed twice", m.User)
			}
			r.users[m.User] = true
		}
		return ack.More
	}
	change, err := event.ParsePresence(f.Payload)
	if err != nil {
		r.t.Fatalf("got %.200s, want an ack or a change", f.Payload)
	}
	for _, user := range change.Join {
		if r.users[user] {
			r.t.Fatalf("got %s joining again", user)
		}
		r.users[user] = true
	}
	for _, user := range change.Leave {
		if !r.users[user] {
			r.t.Fatalf("got %s leaving, who was not there", user)
		}
		delete(r.users, user)
	}
	return false
}

// list reads a whole list: no change may come before its end.
func (r *reading) list() {
	r.t.Helper()
	for more, before := true, r.acks; more; {
		if more = r.next(); r.acks == before {
			r.t.Fatal("got a change ahead of the end of the list")
		}
		before = r.acks
	}
}

// until reads until so many users are there.
func (r *reading) until(users int) {
	r.t.Helper()
	for len(r.users) != users {
		r.next()
	}
}

func TestALongListGoesOutAsItIsReadAndWhatChangesMeanwhileFollows(t *testing.T) {
	t.Parallel()
	const users = 6000
	eachLoopHub(t, func(t *testing.T, l *loopHub) {
		l = presenceHub(t, Config{Engine: l.hub.cfg.Engine, Reactors: 2, QueueLimit: 16 << 10, SendBuffer: 4 << 10})
		l.joinAs("other")
		room := l.crowd(0, users, strings.Repeat("x", 100))
		here, spoke := l.joinAs("watcher")
		l.ask(here, "1")
		listing := func() (isListing bool) {
			spoke.loop.ask(func(*netpoll.Reactor) {
				isListing = len(spoke.loop.presence.lists) == 1 && spoke.marks&answersBlocked != 0
			})
			return isListing
		}
		l.until("the socket is full", listing)
		l.leave(room, users-10, users, strings.Repeat("x", 100))
		l.crowd(users, users+20, strings.Repeat("x", 100))
		l.until("that is told", func() bool { return l.hub.presence.counts.told.Load() == 30 })
		if !listing() {
			t.Fatal("got the list sent, want it to wait for the client")
		}
		if held := spoke.BufferedAmount(); held > l.hub.cfg.QueueLimit {
			t.Errorf("got %d bytes queued, want the limit at most", held)
		}
		r := &reading{loopHub: l, here: here, users: map[string]bool{}}
		r.list()
		if len(r.users) != users || r.acks < 10 {
			t.Errorf("got %d users in %d acks, want %d in many", len(r.users), r.acks, users)
		}
		r.until(users + 10)
		l.crowd(users+20, users+21, "")
		r.until(users + 11)
		spoke.loop.ask(func(*netpoll.Reactor) {
			p := spoke.loop.presence
			if len(p.lists)+len(p.listed)+len(p.kept)+p.keptBytes != 0 {
				t.Errorf("got %+v when the list is sent, want nothing kept", p)
			}
		})
		if room.list != nil {
			t.Error("got the list kept, want it dropped with the last who needs it")
		}
	})
}

func TestAWatcherThatDoesNotReadWhatChangesIsClosed(t *testing.T) {
	t.Parallel()
	for name, listed := range map[string]int{"while its list is on its way": 4000, "when it has its list": 0} {
		t.Run(name, func(t *testing.T) {
			l := presenceHub(t, Config{Reactors: 1, Engine: EngineGoroutine, QueueLimit: 16 << 10})
			l.joinAs("other")
			l.crowd(0, listed, strings.Repeat("x", 100))
			here, spoke := l.joinAs("watcher")
			l.ask(here, "1")
			l.until("it watches", func() bool { return l.hub.Stats().PresenceWatchers == 1 })
			for from := listed; l.hub.Stats().Backpressure == 0; from += 100 {
				before := l.hub.presence.counts.told.Load()
				l.crowd(from, from+100, strings.Repeat("x", 200))
				l.until("that is told", func() bool { return l.hub.presence.counts.told.Load() == before+100 })
			}
			for {
				f, err := ws.ReadFrame(here)
				if err != nil {
					t.Fatalf("got %v, want a close frame", err)
				}
				if f.Header.OpCode == ws.OpClose {
					if code, _ := ws.ParseCloseFrameData(f.Payload); code != CodeTryLater {
						t.Errorf("got the code %d, want %d", code, CodeTryLater)
					}
					break
				}
			}
			spoke.loop.ask(func(*netpoll.Reactor) {
				p := spoke.loop.presence
				if len(p.lists)+len(p.listed)+len(p.kept)+p.keptBytes != 0 {
					t.Errorf("got %+v of a spoke that is closed, want nothing kept", p)
				}
			})
			if l.hub.Stats().Deliveries != 0 {
				t.Errorf("got %d deliveries, want none: messages of presence are no events", l.hub.Stats().Deliveries)
			}
		})
	}
}

func TestSpokesThatAskAtOnceShareTheirListAndGiveItBack(t *testing.T) {
	l := presenceHub(t, Config{Reactors: 2, Engine: EngineGoroutine, QueueLimit: 16 << 10})
	l.joinAs("other")
	room := l.crowd(0, 4000, strings.Repeat("x", 100))
	without := l.hub.presence.heldBytes()
	var clients []net.Conn
	for range 6 {
		here, _ := l.joinAs("watcher")
		l.ask(here, "1")
		clients = append(clients, here)
	}
	uses := func() int {
		room.shard.mu.Lock()
		defer room.shard.mu.Unlock()
		if room.list == nil {
			return 0
		}
		return room.list.uses
	}
	l.until("all are being sent the list", func() bool { return uses() == len(clients) })
	if held, list := l.hub.presence.heldBytes(), room.list.memory(); held != without+list {
		t.Errorf("got %d bytes more held, want those of one list, %d", held-without, list)
	}
	for i, here := range clients {
		if i%2 == 0 {
			here.Close()
			continue
		}
		r := &reading{loopHub: l, here: here, users: map[string]bool{}}
		r.list()
	}
	l.until("the list is given back", func() bool { return uses() == 0 && l.hub.presence.heldBytes() == without })
}

func TestListsAreBoundedByTheRateOfControlsAndCloseNobody(t *testing.T) {
	l := presenceHub(t, Config{Reactors: 1, Engine: EngineGoroutine, MaxTopics: 50, MaxControlsPerSecond: 1})
	l.joinAs("other")
	l.crowd(0, 60*usersPerTopic, "")
	here, _ := l.joinAs("watcher")
	l.ask(here, "1")
	r := &reading{loopHub: l, here: here, users: map[string]bool{}}
	r.list()
	l.ask(here, "2")
	l.wants(here, `{"type":"__reject","id":"2","payload":{"topic":"room","reason":"limit"}}`)
	l.send(here, `{"type":"__presence","id":"3","payload":{"topic":"room:1"}}`)
	l.wants(here, `{"type":"__ack","id":"3","payload":{"topic":"room:1","users":[]}}`)
	l.crowd(60*usersPerTopic, 60*usersPerTopic+1, "")
	r.next()
	if len(r.users) != 60*usersPerTopic+1 {
		t.Errorf("got %d users, want the spoke to be told of changes as before", len(r.users))
	}
}

// TestAWatcherMissesNoChangeOfOtherTopicsAndGetsNoneThatItsListHas asks while the changes of two topics wait for the loop.
func TestAWatcherMissesNoChangeOfOtherTopicsAndGetsNoneThatItsListHas(t *testing.T) {
	l := presenceHub(t, Config{Reactors: 1, Engine: EngineGoroutine})
	here, spoke := l.joinAs("watcher")
	witness, _ := l.joinAs("witness")
	l.send(here, `{"type":"__presence","id":"1","payload":{"topic":"room:2"}}`)
	l.wants(here, `{"topic":"room:2","users":[]}`)
	l.send(witness, `{"type":"__presence","id":"1","payload":{"topic":"room:1"}}`)
	l.wants(witness, `{"topic":"room:1","users":[]}`)
	p := l.hub.presence
	spoke.loop.ask(func(*netpoll.Reactor) {
		p.teller.mu.Lock()
		defer p.teller.mu.Unlock()
		for _, topic := range []string{"room:1", "room:2"} {
			p.join([]byte(topic), "ada").due = 0
		}
		p.tellDue()
		view := &spoke.loop.scratch.view
		view.ID = []byte("2")
		if reason := spoke.loop.watch(spoke, []byte("room:1"), nil); reason != "" || !spoke.loop.goOnListing(spoke, []byte("room:1"), 0) {
			t.Errorf("got %q, want the list sent", reason)
		}
	})
	l.wants(here, `{"type":"__presence","id":"","payload":{"topic":"room:2","join":["ada"]}}`)
	l.wants(here, `{"type":"__ack","id":"2","payload":{"topic":"room:1","users":[{"user":"ada","connections":1}]}}`)
	l.wants(witness, `{"type":"__presence","id":"","payload":{"topic":"room:1","join":["ada"]}}`)
	p.leave(p.find([]byte("room:1")), "ada")
	for _, c := range []net.Conn{here, witness} {
		l.wants(c, `{"type":"__presence","id":"","payload":{"topic":"room:1","leave":["ada"]}}`)
	}
}
