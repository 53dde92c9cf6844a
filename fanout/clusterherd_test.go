package fanout_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
	"github.com/spokehub/spokehub/stream"
)

const (
	// herdSpokes is how many spokes a hub of the herd has, of which some are others in each round, herdRooms in how many rooms they are, and herdWatchers
	// how many watch one.
	herdSpokes   = 1000
	herdRooms    = 30
	herdWatchers = 30
)

// herd is very many spokes of one hub, each subscribed to what all are, to what is its own, and to what some are.
type herd struct {
	*fanouttest.Hub
	engine   *inproc.Engine
	name     string
	members  []*herdMember
	watchers []*onlooker
	came     int
}

// herdMember is one of them.
type herdMember struct {
	*fanouttest.Client
	own, room string
}

// newHerd starts a hub, with spokes that watch rooms. In a bubble of fake time nobody is pinged.
func newHerd(t *testing.T, n *inproc.Network, name string) *herd {
	t.Helper()
	h := &herd{name: name}
	h.Hub, h.engine, _ = member(t, n, fanout.Config{
		Node: name, Reactors: 2, Relay: true, PingInterval: 5 * time.Hour, PeerTimeout: 24 * time.Hour,
		Policies: []stream.Policy{
			{Match: "price", History: stream.History{Events: 1 << 14}, Behind: stream.CatchUp},
			{Match: "user", Interest: stream.ByID},
			{Match: "room", Presence: true, Interest: stream.Auto},
		},
	})
	h.Patience = time.Hour
	for i := range herdWatchers {
		here, there := net.Pipe()
		if _, err := h.AddConnection(there, fanout.AddOptions{Identity: fanout.Identity{User: "watcher"}}); err != nil {
			t.Fatal(err)
		}
		c := newClient(t, here)
		_ = here.SetDeadline(time.Time{})
		h.watchers = append(h.watchers, newOnlooker(c))
		c.ask("1", fmt.Sprint("room:", i%herdRooms))
	}
	return h
}

// grow connects spokes until there are enough, and has all of them subscribe at once: those that a hub rejects ask again, as clients do.
func (h *herd) grow(subscribing *sync.WaitGroup) {
	for len(h.members) < herdSpokes {
		user := fmt.Sprint(h.name, h.came)
		m := &herdMember{own: "user:" + user, room: fmt.Sprint("room:", h.came%herdRooms)}
		m.Client = h.Connect(fanout.AddOptions{Identity: fanout.Identity{User: user}})
		h.came++
		h.members = append(h.members, m)
		subscribing.Go(func() {
			for len(m.TrySubscribe("order", "price", m.own, m.room)) > 0 {
				time.Sleep(time.Second)
			}
		})
	}
}

// shrink cuts every third spoke off.
func (h *herd) shrink() {
	var left []*herdMember
	for i, m := range h.members {
		if i%3 == 0 {
			m.Cut()
		} else {
			left = append(left, m)
		}
	}
	h.members = left
}

// check wants what has come to a spoke to be in order, without repeats, and to end with the last event of each type that is for it.
func (m *herdMember) check(t *testing.T, last string) {
	t.Helper()
	offset, seen := uint64(0), map[string]bool{}
	for missing := map[string]bool{"order": true, "price": true, "user": true}; len(missing) > 0; {
		e := m.Next()
		if text := fmt.Sprint(e.Type, " ", string(e.Payload)); seen[text] {
			t.Fatalf("%s: got %s twice", m.own, text)
		} else {
			seen[text] = true
		}
		if e.Type == "price" && offset > 0 && e.Offset != offset+1 {
			t.Fatalf("%s: got the price %d behind %d", m.own, e.Offset, offset)
		}
		if e.Type == "price" {
			offset = e.Offset
		}
		if e.Type == "user" && "user:"+e.ID != m.own {
			t.Fatalf("%s: got an event of %s", m.own, e.ID)
		}
		if string(e.Payload) == last {
			delete(missing, e.Type)
		}
	}
}

// TestThousandsOfSpokesGoOnThroughAllTroublesOfTheBroker has them come, all at once, and go while the broker is slow, away, deaf, comes and goes, and loses messages.
// In the end all subscriptions are in force, all get what is for them, all hubs know who is where, and nothing is left.
func TestThousandsOfSpokesGoOnThroughAllTroublesOfTheBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := inproc.New()
		herds := []*herd{newHerd(t, network, "a"), newHerd(t, network, "b")}
		time.Sleep(10 * time.Second)
		number := 0
		publish := func() {
			for _, h := range herds {
				number++
				h.DispatchEvent(eventOf("order", "", number))
				_, _ = h.Publish(context.Background(), eventOf("price", "", number))
				if len(h.members) > 0 {
					h.members[number%len(h.members)].Send(eventOf("price", "", fmt.Sprint("-", number)))
				}
			}
		}
		for _, trouble := range []func(e *inproc.Engine){
			func(*inproc.Engine) {},
			func(e *inproc.Engine) { e.SetFaults(inproc.Faults{Delay: 2 * time.Second}) },
			func(e *inproc.Engine) { e.Cut() },
			func(e *inproc.Engine) {
				for range 20 {
					e.Cut()
					time.Sleep(30 * time.Millisecond)
					e.Heal()
					time.Sleep(70 * time.Millisecond)
				}
			},
			func(e *inproc.Engine) { e.SetFaults(inproc.Faults{Deaf: true}) },
			func(e *inproc.Engine) { e.SetFaults(inproc.Faults{Drop: 50, FailAppends: 5}) },
			func(e *inproc.Engine) { e.SetFaults(inproc.Faults{Delay: 6 * time.Second}) },
		} {
			var troubling, subscribing sync.WaitGroup
			for _, h := range herds {
				troubling.Go(func() { trouble(h.engine) })
				h.shrink()
				h.grow(&subscribing)
			}
			for range 5 {
				publish()
				time.Sleep(500 * time.Millisecond)
			}
			troubling.Wait()
			for _, h := range herds {
				h.engine.SetFaults(inproc.Faults{})
				h.engine.Reconnect("deaf")
				h.engine.Heal()
			}
			subscribing.Wait()
			publish()
		}
		time.Sleep(time.Minute)
		want := map[string]int{}
		for _, h := range herds {
			for _, m := range h.members {
				want[m.room]++
			}
		}
		for _, h := range herds {
			if st := h.Stats(); st.Subscriptions != 4*herdSpokes || st.CallbacksPending != 0 || st.Waiting != 0 || st.BrokerWaiting != 0 {
				t.Errorf("hub %s: got %d subscriptions, want %d; got %d inboxes, %d and %d bytes that wait, want none",
					h.name, st.Subscriptions, 4*herdSpokes, st.CallbacksPending, st.Waiting, st.BrokerWaiting)
			}
			got := map[string]int{}
			for room := range want {
				got[room] = len(h.Presence(room))
			}
			if !maps.Equal(got, want) {
				t.Errorf("hub %s: got users %v, want %v", h.name, got, want)
			}
			for _, w := range h.watchers {
				until(t, "every watcher sees that", func() bool { return w.sees(h.Hub.Hub, 1) })
				expectAll(t, "mistakes", w.mistakes(), nil)
			}
		}
		const last = `"last"`
		herds[0].DispatchEvent(eventOf("order", "", last))
		if _, err := herds[1].Publish(context.Background(), eventOf("price", "", last)); err != nil {
			t.Fatal(err)
		}
		for i, h := range herds {
			for _, m := range h.members {
				herds[1-i].DispatchEvent(event.Event{Type: "user", ID: m.own[len("user:"):], Payload: []byte(last)})
			}
		}
		for _, h := range herds {
			for _, m := range h.members {
				m.check(t, last)
			}
		}
		for _, h := range herds {
			for _, m := range h.members {
				m.Cut()
			}
			for _, w := range h.watchers {
				w.conn.Close()
			}
		}
		time.Sleep(2 * time.Minute)
		for _, h := range herds {
			st := h.Stats()
			st.Memory.Streams = 0
			if st.Connections != 0 || st.BrokerKeys != 0 || st.PresenceRooms != 0 || st.PresenceWatchers != 0 || st.Memory != (fanout.Memory{}) {
				t.Errorf("hub %s: got %d connections, %d keys, %d rooms, %d watchers and %+v, want nothing left",
					h.name, st.Connections, st.BrokerKeys, st.PresenceRooms, st.PresenceWatchers, st.Memory)
			}
		}
	})
}
