package fanout_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
)

// presenceCluster starts hubs whose topics of type room have presence, and returns when all know each other.
func presenceCluster(t *testing.T, n int, cfg fanout.Config) ([]*testHub, []*inproc.Engine, *inproc.Network) {
	t.Helper()
	network := inproc.New()
	var hubs []*testHub
	var engines []*inproc.Engine
	for range n {
		e := network.Engine()
		cfg.Broker = e
		hubs, engines = append(hubs, newTestHub(t, presenceConfig(cfg))), append(engines, e)
	}
	for _, h := range hubs {
		until(t, "all hubs know each other", func() bool { return len(h.hub.Nodes()) == n })
	}
	return hubs, engines, network
}

func TestUsersAreThereOnWhateverHub(t *testing.T) {
	hubs, _, _ := presenceCluster(t, 3, fanout.Config{})
	first, _ := hubs[0].enter("room:7", "ada", "grace")
	second, _ := hubs[1].enter("room:7", "ada", "joan")
	want := []event.Member{{User: "ada", Connections: 2}, {User: "grace", Connections: 1}, {User: "joan", Connections: 1}}
	for i, h := range hubs {
		expectAll(t, fmt.Sprint("the list for the embedder of hub ", i), h.hub.Presence("room:7"), want)
		watcher, _ := h.joinAs("watcher")
		expectAll(t, fmt.Sprint("the list at hub ", i), watcher.watch("room:7"), want)
		hubs[2].enter("room:7", fmt.Sprint("mary", i))
		watcher.wantsChange("room:7", fmt.Sprint("+mary", i))
		want = append(want, event.Member{User: fmt.Sprint("mary", i), Connections: 1})
	}
	watcher, _ := hubs[2].joinAs("watcher")
	watcher.watch("room:7")
	first[0].unsubscribe("room:7")
	first[1].unsubscribe("room:7")
	watcher.wantsChange("room:7", "-grace")
	second[0].conn.Close()
	watcher.wantsChange("room:7", "-ada")
}

func TestUsersOfAHubThatEndsLeaveAndThoseOfOneThatDiesWhenItIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := inproc.New()
		a, _, _ := member(t, network, presenceConfig(fanout.Config{}))
		b, _, _ := member(t, network, presenceConfig(fanout.Config{}))
		c, dead, _ := member(t, network, presenceConfig(fanout.Config{}))
		enter := func(h *fanouttest.Hub, user string) {
			h.Connect(fanout.AddOptions{Identity: fanout.Identity{User: user}}).Subscribe("room:7")
		}
		enter(a, "ada")
		enter(b, "bob")
		enter(c, "carl")
		enter(c, "bob")
		time.Sleep(time.Second)
		users := func() string { return fmt.Sprint(a.Presence("room:7")) }
		if got := users(); got != "[{ada 1} {bob 2} {carl 1}]" {
			t.Errorf("got %s, want all three", got)
		}
		dead.Cut()
		time.Sleep(8 * time.Second)
		if got := users(); got != "[{ada 1} {bob 2} {carl 1}]" {
			t.Errorf("got %s, want all three as long as nobody knows that a hub is dead", got)
		}
		time.Sleep(12 * time.Second)
		if got := users(); got != "[{ada 1} {bob 1}]" {
			t.Errorf("got %s, want those of the dead hub gone", got)
		}
		if got := fmt.Sprint(c.Presence("room:7")); got != "[{ada 1} {bob 2} {carl 1}]" && got != "[{bob 1} {carl 1}]" {
			t.Errorf("got %s at the hub that is cut off", got)
		}
		dead.Heal()
		time.Sleep(3 * time.Second)
		for _, h := range []*fanout.Hub{a.Hub, b.Hub, c.Hub} {
			if got := fmt.Sprint(h.Presence("room:7")); got != "[{ada 1} {bob 2} {carl 1}]" {
				t.Errorf("got %s, want all three back", got)
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = b.Shutdown(ctx)
		time.Sleep(time.Second)
		if got := users(); got != "[{ada 1} {bob 1} {carl 1}]" {
			t.Errorf("got %s, want those of the hub that has ended gone", got)
		}
	})
}

// TestPresenceOverHubsIsTrueOnceItIsQuiet has clients of several hubs come, go, subscribe and watch at random, while the broker loses messages, repeats them,
// and cuts hubs off.
func TestPresenceOverHubsIsTrueOnceItIsQuiet(t *testing.T) {
	topics := []string{"room", "room:1", "room:2"}
	users := []string{"ada", "grace", "joan", "mary", ""}
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			dice := rand.New(rand.NewPCG(seed, 2))
			cfg := fanout.Config{Reactors: 2}
			if seed%2 == 1 {
				cfg.QueueLimit = 4 << 10
			}
			hubs, engines, _ := presenceCluster(t, 3, cfg)
			for _, h := range hubs {
				h.joinAs("first")
			}
			walkers := make([]*walker, 24)
			for round := range 3 {
				for range 700 {
					if seed >= 2 && dice.IntN(80) == 0 {
						e := engines[dice.IntN(len(engines))]
						switch dice.IntN(4) {
						case 0:
							e.Cut()
						case 1:
							e.Heal()
						default:
							e.SetFaults(inproc.Faults{Drop: dice.IntN(5), Repeat: dice.IntN(5)})
						}
					}
					i := dice.IntN(len(walkers))
					w := walkers[i]
					if w == nil || dice.IntN(60) == 0 {
						if w != nil {
							endOf(t, dice, w)
						}
						user := users[dice.IntN(len(users))]
						peer, spoke := hubs[i%len(hubs)].joinAs(user)
						walkers[i] = &walker{onlooker: newOnlooker(peer), spoke: spoke, user: user, subscribed: map[string]bool{}}
						continue
					}
					w.send([]string{"__subscribe", "__unsubscribe", "__presence"}[dice.IntN(3)], topics[dice.IntN(len(topics))])
				}
				for _, e := range engines {
					e.SetFaults(inproc.Faults{})
					e.Heal()
				}
				truth := map[string]map[string]int{}
				for _, topic := range topics {
					truth[topic] = map[string]int{}
				}
				for _, w := range walkers {
					for topic := range w.subscribed {
						if w.user != "" {
							truth[topic][w.user]++
						}
					}
				}
				for i, h := range hubs {
					until(t, fmt.Sprintf("round %d: hub %d knows who is where", round, i), func() bool {
						for _, topic := range topics {
							got := map[string]int{}
							for _, m := range h.hub.Presence(topic) {
								got[m.User] = m.Connections
							}
							if !maps.Equal(got, truth[topic]) {
								return false
							}
						}
						return true
					})
				}
				for i, w := range walkers {
					until(t, fmt.Sprintf("round %d: every watcher sees that", round), func() bool { return w.sees(hubs[i%len(hubs)].hub, w.asked) })
					expectAll(t, "mistakes", w.mistakes(), nil)
				}
			}
			for _, w := range walkers {
				w.conn.Close()
				<-w.over
			}
			for _, h := range hubs {
				until(t, "no room is left", func() bool { st := h.hub.Stats(); return st.PresenceRooms+st.PresenceMembers+st.PresenceWatchers == 0 })
			}
		})
	}
}

// presenceMessage is one of a hub of the given number.
func presenceMessage(origin, number, before uint64, body string) []byte {
	return broker.Seal(append(broker.AppendHeader(nil, broker.Header{Origin: origin, Sequence: number, OfType: before, At: time.Now()}), body...))
}

func TestGarbageAboutPresenceIsCountedAndStopsNothing(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":                   ``,
		"half of a message":         `{"watch":["room:7"]`,
		"a topic that is none":      `{"watch":[""]}`,
		"an end of none":            `{"unwatch":["\u0001"]}`,
		"a question for none":       `{"list":[""]}`,
		"a room that is none":       `{"rooms":[{"topic":""}]}`,
		"a user without a name":     `{"rooms":[{"topic":"room:7","users":[{"user":"","connections":1}]}]}`,
		"less than no connection":   `{"rooms":[{"topic":"room:7","users":[{"user":"bob","connections":-1}]}]}`,
		"more than a hub can have":  `{"rooms":[{"topic":"room:7","users":[{"user":"bob","connections":2147483647}]}]}`,
		"a part that is none":       `{"rooms":[{"topic":"room:7","from":-1}]}`,
		"numbers that are too long": `{"ask":18446744073709551616}`,
	} {
		t.Run(name, func(t *testing.T) {
			engine := &tappedEngine{Engine: inproc.New().Engine()}
			h := newTestHub(t, presenceConfig(fanout.Config{Broker: engine}))
			tell := func(channel string, number uint64, body string) {
				engine.sink.Deliver(broker.Delivery{Kind: broker.Control, Name: channel, Data: presenceMessage(7, number, 0, body)})
			}
			tell("nodes", 0, `{"node":"b","presence":1}`)
			tell("presence", 1, body)
			until(t, "the garbage is counted", func() bool { return h.hub.Stats().BrokerGarbage == 1 })
			tell("inbox", 1, body)
			until(t, "the garbage is counted", func() bool { return h.hub.Stats().BrokerGarbage == 2 })
			number := uint64(2)
			until(t, "what follows is understood", func() bool {
				users := h.hub.Presence("room:7")
				tell("inbox", number, `{"rooms":[{"topic":"room:7","at":2,"users":[{"user":"bob","connections":2}]}],"unheard":"of"}`)
				number++
				return fmt.Sprint(users) == "[{bob 2}]"
			})
		})
	}
}

// TestAListOfAHubIsAllThatIsThereByWayOfIt has a hub tell lists that are not of one another: it has restarted a list, or changes have been lost.
func TestAListOfAHubIsAllThatIsThereByWayOfIt(t *testing.T) {
	engine := &tappedEngine{Engine: inproc.New().Engine()}
	h := newTestHub(t, presenceConfig(fanout.Config{Broker: engine}))
	tell := func(channel string, number uint64, body string) {
		engine.sink.Deliver(broker.Delivery{Kind: broker.Control, Name: channel, Data: presenceMessage(7, number, 0, body)})
	}
	tell("nodes", 0, `{"node":"b","presence":1}`)
	watcher, _ := h.joinAs("watcher")
	watcher.watch("room:7")
	tell("inbox", 1, `{"rooms":[{"topic":"room:7","at":2,"users":[{"user":"ada","connections":1},{"user":"bob","connections":1}]}]}`)
	watcher.wantsChange("room:7", "+ada", "+bob")
	tell("inbox", 2, `{"rooms":[{"topic":"room:7","at":3,"users":[{"user":"bob","connections":1},{"user":"carl","connections":1}]}]}`)
	watcher.wantsChange("room:7", "+carl", "-ada")
	tell("inbox", 3, `{"rooms":[{"topic":"room:7","at":4}]}`)
	watcher.wantsChange("room:7", "-bob", "-carl")
}

func TestTheListOfAHubThatIsSilentIsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := &tappedEngine{Engine: inproc.New().Engine()}
		network := presenceConfig(fanout.Config{Broker: engine})
		h := fanouttest.New(t, network)
		awaitBroker(t, h, true)
		engine.sink.Deliver(broker.Delivery{Kind: broker.Control, Name: "nodes", Data: presenceMessage(7, 0, 0, `{"node":"b","presence":1}`)})
		h.Connect(fanout.AddOptions{Identity: fanout.Identity{User: "ada"}}).Subscribe("room:7")
		synctest.Wait()
		before := time.Now()
		if got := fmt.Sprint(h.Presence("room:7")); got != "[{ada 1}]" {
			t.Errorf("got %s, want the users of this hub", got)
		}
		if took := time.Since(before); took != 500*time.Millisecond {
			t.Errorf("got %v that it took, want half a second of the bubble's time", took)
		}
	})
}

func TestAListOfVeryManyUsersComesWholeFromOtherHubs(t *testing.T) {
	const users = 5000
	hubs, _, _ := presenceCluster(t, 2, fanout.Config{})
	one, two := hubs[0], hubs[1]
	fanout.JoinMany(one.hub, "room:7", users)
	one.joinAs("first")
	two.joinAs("first")
	got := two.hub.Presence("room:7")
	if len(got) != users {
		t.Fatalf("got %d users from the other hub, want %d", len(got), users)
	}
	watcher, _ := two.joinAs("watcher")
	if got := watcher.watch("room:7"); len(got) != users {
		t.Fatalf("got %d users in the list, want %d", len(got), users)
	}
	fanout.LeaveMany(one.hub, "room:7", users)
	left := 0
	for left < users {
		join, leave := watcher.change("room:7")
		if len(join) > 0 {
			t.Fatalf("got %v joining", join)
		}
		left += len(leave)
	}
	until(t, "nothing is held for them", func() bool { return two.hub.Stats().PresenceMembers == 0 })
}

func TestAHubWithoutPresenceIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := inproc.New()
		a, _, _ := member(t, network, presenceConfig(fanout.Config{Node: "a"}))
		member(t, network, fanout.Config{Node: "b"})
		awaitNodes(t, a, "a (self), b (policies)")
		before := time.Now()
		a.Presence("room:7")
		if took := time.Since(before); took != 0 {
			t.Errorf("got %v that the list took, want no waiting", took)
		}
	})
}

func TestPresenceOfThisHubGoesOnWhileTheBrokerIsAway(t *testing.T) {
	hubs, engines, _ := presenceCluster(t, 2, fanout.Config{})
	hubs[0].enter("room:7", "ada")
	hubs[1].enter("room:7", "bob")
	watcher, _ := hubs[0].joinAs("watcher")
	expectAll(t, "the list", watcher.watch("room:7"), []event.Member{{User: "ada", Connections: 1}, {User: "bob", Connections: 1}})
	engines[0].Cut()
	awaitBroker(t, hubs[0].hub, false)
	hubs[0].enter("room:7", "grace")
	watcher.wantsChange("room:7", "+grace")
	hubs[1].enter("room:7", "joan")
	another, _ := hubs[0].joinAs("another")
	expectAll(t, "the list without the broker", another.watch("room:7"),
		[]event.Member{{User: "ada", Connections: 1}, {User: "bob", Connections: 1}, {User: "grace", Connections: 1}})
	engines[0].Heal()
	watcher.wantsChange("room:7", "+joan")
}

// TestManySpokesThatWaitForOneListAllGetIt has more of them wait than a turn begins lists for, so that one answer of another hub is for all.
func TestManySpokesThatWaitForOneListAllGetIt(t *testing.T) {
	hubs, engines, _ := presenceCluster(t, 2, fanout.Config{Reactors: 1})
	hubs[1].enter("room:7", "ada")
	clients := make([]*client, 400)
	for i := range clients {
		clients[i], _ = hubs[0].joinAs("watcher")
		clients[i].sync()
	}
	engines[0].Hold(true, 0)
	before := hubs[0].hub.Stats().ControlsIn
	for _, c := range clients {
		c.ask("w", "room:7")
	}
	until(t, "the hub has read what all ask", func() bool { return hubs[0].hub.Stats().ControlsIn == before+uint64(len(clients)) })
	engines[0].Hold(false, 0)
	for _, c := range clients {
		expectAll(t, "the list", c.list("w", "room:7"), []event.Member{{User: "ada", Connections: 1}})
	}
}
