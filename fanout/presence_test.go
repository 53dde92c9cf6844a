package fanout_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// presenceConfig is that of a hub whose topics of type room have presence.
func presenceConfig(cfg fanout.Config) fanout.Config {
	cfg.Policies = []stream.Policy{{Match: "room", Presence: true}}
	return cfg
}

// joinAs connects a client of a user, nobody's if user is empty.
func (h *testHub) joinAs(user string) (*client, *fanout.Spoke) {
	h.t.Helper()
	here, there := pair(h.t, "tcp")
	spoke, err := h.hub.AddConnection(there, fanout.AddOptions{Identity: fanout.Identity{User: user}})
	if err != nil {
		h.t.Fatalf("add connection: %v", err)
	}
	return newClient(h.t, here), spoke
}

// enter connects clients of users who subscribe to topic.
func (h *testHub) enter(topic string, users ...string) (clients []*client, spokes []*fanout.Spoke) {
	h.t.Helper()
	for _, user := range users {
		c, s := h.joinAs(user)
		clients, spokes = append(clients, c.subscribe(topic)), append(spokes, s)
	}
	return clients, spokes
}

// ask sends a __presence for topics.
func (c *client) ask(id string, topics ...string) {
	c.t.Helper()
	c.text(envelope("__presence", id, jsonOf(map[string]any{"topics": append([]string{}, topics...)})))
}

// list reads the whole answer to a __presence for one topic, and nothing else may come in between.
func (c *client) list(id, topic string) (users []event.Member) {
	c.t.Helper()
	for more := true; more; {
		message := c.message()
		ack, err := event.ParseAck([]byte(message))
		if err != nil || ack.ID != id || ack.Topic != topic {
			c.t.Fatalf("got %.300s (%v), want an ack of %s for %s", message, err, id, topic)
		}
		users, more = append(users, ack.Users...), ack.More
	}
	slices.SortFunc(users, func(a, b event.Member) int { return strings.Compare(a.User, b.User) })
	return users
}

// watch asks for the users of a topic and reads the answer.
func (c *client) watch(topic string) []event.Member {
	c.t.Helper()
	c.ask("w", topic)
	return c.list("w", topic)
}

// change reads the next change of a topic.
func (c *client) change(topic string) (join, leave []string) {
	c.t.Helper()
	message := c.message()
	change, err := event.ParsePresence([]byte(message))
	if err != nil || change.Topic != topic {
		c.t.Fatalf("got %.300s (%v), want a change of %s", message, err, topic)
	}
	slices.Sort(change.Join)
	slices.Sort(change.Leave)
	return change.Join, change.Leave
}

// wantsChange reads the next change of a topic, "+" for who joins and "-" for who leaves.
func (c *client) wantsChange(topic string, want ...string) {
	c.t.Helper()
	join, leave := c.change(topic)
	var got []string
	for _, user := range join {
		got = append(got, "+"+user)
	}
	for _, user := range leave {
		got = append(got, "-"+user)
	}
	expectAll(c.t, "the change of "+topic, got, want)
}

func TestAWatcherIsListedWhoIsThereAndThenToldWhoComesAndGoes(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, presenceConfig(fanout.Config{Engine: engine}))
		h.enter("room:7", "grace", "ada", "ada", "")
		h.enter("room", "of the type alone")
		h.enter("room:8", "next door")
		watcher, _ := h.joinAs("watcher")
		expectAll(t, "the list", watcher.watch("room:7"), []event.Member{{User: "ada", Connections: 2}, {User: "grace", Connections: 1}})
		expectAll(t, "the list for the embedder", h.hub.Presence("room:7"), []event.Member{{User: "ada", Connections: 2}, {User: "grace", Connections: 1}})
		clients, spokes := h.enter("room:7", "joan", "ada")
		watcher.wantsChange("room:7", "+joan")
		clients[0].unsubscribe("room:7")
		watcher.wantsChange("room:7", "-joan")
		spokes[1].Close(fanout.CodeNormal, "")
		other, _ := h.enter("room:7", "joan")
		watcher.wantsChange("room:7", "+joan")
		other[0].conn.Close()
		watcher.wantsChange("room:7", "-joan")
	})
}

func TestAUserIsToldOnceHoweverManyConnectionsThereAre(t *testing.T) {
	h := newTestHub(t, presenceConfig(fanout.Config{Reactors: 3}))
	watcher, _ := h.joinAs("watcher")
	expectAll(t, "the list", watcher.watch("room"), nil)
	_, spokes := h.enter("room", "ada", "ada", "ada")
	watcher.wantsChange("room", "+ada")
	for _, s := range spokes {
		s.Close(fanout.CodeNormal, "")
	}
	watcher.wantsChange("room", "-ada")
}

func TestAQuestionForPresenceIsRefused(t *testing.T) {
	covered := event.MustPatterns("room:*", "plain")
	for name, c := range map[string]struct {
		cfg    fanout.Config
		who    fanout.Identity
		topics []string
		want   event.Reason
	}{
		"for a topic that is none":               {presenceConfig(fanout.Config{}), fanout.Identity{User: "ada"}, []string{"room:"}, event.InvalidTopic},
		"for an empty topic":                     {presenceConfig(fanout.Config{}), fanout.Identity{User: "ada"}, []string{""}, event.InvalidTopic},
		"for a topic without presence":           {presenceConfig(fanout.Config{}), fanout.Identity{User: "ada"}, []string{"rooms:1"}, event.Unavailable},
		"by a hub without policies":              {fanout.Config{}, fanout.Identity{User: "ada"}, []string{"room"}, event.Unavailable},
		"by a hub that knows no users":           {presenceConfig(fanout.Config{}), fanout.Identity{}, []string{"room"}, event.Unavailable},
		"for a topic that the identity has not":  {presenceConfig(fanout.Config{}), fanout.Identity{User: "ada", Permissions: &fanout.Permissions{Subscribe: covered}}, []string{"room"}, event.Forbidden},
		"for a topic that a rule has for nobody": {presenceConfig(fanout.Config{TopicRules: []fanout.TopicRule{{Match: "room", Subscribe: []string{"nobody"}}}}), fanout.Identity{User: "ada"}, []string{"room"}, event.Forbidden},
		"for a topic that the hook refuses": {presenceConfig(fanout.Config{OnSubscribe: func(*fanout.Spoke, string) error { return errors.New("no") }}),
			fanout.Identity{User: "ada"}, []string{"room"}, event.Forbidden},
		"for more topics than a spoke may have":        {presenceConfig(fanout.Config{MaxTopics: 2}), fanout.Identity{User: "ada"}, []string{"room", "room:1", "room:2"}, event.Limit},
		"for a topic more than the spoke may have":     {presenceConfig(fanout.Config{MaxTopics: 1}), fanout.Identity{User: "ada"}, []string{"room:1"}, event.Limit},
		"with the topics in force of the same request": {presenceConfig(fanout.Config{MaxTopics: 2}), fanout.Identity{User: "ada"}, []string{"room:1", "room:2"}, event.Limit},
	} {
		t.Run(name, func(t *testing.T) {
			h := newTestHub(t, c.cfg)
			here, there := pair(t, "tcp")
			if _, err := h.hub.AddConnection(there, fanout.AddOptions{Identity: c.who}); err != nil {
				t.Fatal(err)
			}
			peer := newClient(t, here)
			if c.want == event.Limit && len(c.topics) < 3 {
				peer.subscribe("plain")
			}
			peer.ask("7", c.topics...)
			for range len(c.topics) - 1 {
				if len(c.topics) == 2 {
					peer.list("7", c.topics[0])
				}
			}
			reject, err := event.ParseReject([]byte(peer.message()))
			want := event.Reject{ID: "7", Topic: c.topics[len(c.topics)-1], Reason: c.want}
			if len(c.topics) == 3 {
				want.Topic = ""
			}
			if err != nil || reject != want {
				t.Errorf("got %+v and %v, want %+v", reject, err, want)
			}
		})
	}
}

func TestSubscriptionsAndWatchedTopicsCountTogether(t *testing.T) {
	h := newTestHub(t, presenceConfig(fanout.Config{MaxTopics: 2}))
	peer, spoke := h.joinAs("ada")
	peer.watch("room:1")
	peer.watch("room:1")
	peer.subscribe("room:1")
	peer.text(envelope("__subscribe", "2", `{"topic":"plain"}`))
	peer.wants(envelope("__reject", "2", `{"topic":"plain","reason":"limit"}`))
	if err := spoke.Subscribe("plain"); !errors.Is(err, fanout.ErrTopicLimit) {
		t.Errorf("got %v, want ErrTopicLimit", err)
	}
	peer.unsubscribe("room:1")
	peer.subscribe("plain", "room:2")
}

func TestWatchingEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(h *testHub, peer *client, s *fanout.Spoke){
		"by an unsubscription":                   func(_ *testHub, peer *client, _ *fanout.Spoke) { peer.unsubscribe("room") },
		"by an unsubscription of the embedder's": func(_ *testHub, _ *client, s *fanout.Spoke) { _ = s.Unsubscribe("room") },
		"by an identity that does not cover the topic": func(_ *testHub, peer *client, s *fanout.Spoke) {
			if err := s.SetIdentity(fanout.Identity{User: "watcher", Permissions: &fanout.Permissions{Subscribe: event.MustPatterns("other")}}); err != nil {
				peer.t.Fatal(err)
			}
			peer.wants(envelope("__reject", "", `{"topic":"room","reason":"forbidden"}`))
		},
	} {
		for how, isSubscribed := range map[string]bool{"alone": false, "beside a subscription": true} {
			t.Run(name+" "+how, func(t *testing.T) {
				h := newTestHub(t, presenceConfig(fanout.Config{}))
				witness, _ := h.joinAs("witness")
				witness.watch("room")
				peer, spoke := h.joinAs("watcher")
				if isSubscribed {
					peer.subscribe("room")
					witness.wantsChange("room", "+watcher")
				}
				peer.watch("room")
				expect(t, "watchers", h.hub.Stats().PresenceWatchers, 2)
				end(h, peer, spoke)
				expect(t, "watchers", h.hub.Stats().PresenceWatchers, 1)
				if isSubscribed {
					witness.wantsChange("room", "-watcher")
				}
				h.enter("room", "ada")
				witness.wantsChange("room", "+ada")
				spoke.DispatchEvent(event.Event{Type: "last"})
				peer.wants(envelope("last", "", "null"))
				users := h.hub.Presence("room")
				expectAll(t, "the users", users, []event.Member{{User: "ada", Connections: 1}})
			})
		}
	}
}

func TestASpokeLeavesItsRoomsHoweverItEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(h *testHub, peer *client, s *fanout.Spoke){
		"closed by itself": func(_ *testHub, peer *client, _ *fanout.Spoke) {
			peer.write(clientFrame(fin|opClose, closePayload(1000, "")))
		},
		"gone":              func(_ *testHub, peer *client, _ *fanout.Spoke) { peer.conn.Close() },
		"closed by the hub": func(_ *testHub, _ *client, s *fanout.Spoke) { s.Close(fanout.CodePolicy, "") },
		"disconnected":      func(h *testHub, _ *client, _ *fanout.Spoke) { h.hub.DisconnectUser("ada", fanout.CodePolicy, "") },
		"of an expired identity": func(_ *testHub, peer *client, s *fanout.Spoke) {
			expireSoon(peer.t, s, "ada")
		},
		"removed": func(h *testHub, peer *client, s *fanout.Spoke) {
			conn, err := h.hub.RemoveConnection(s.Conn())
			if err != nil {
				peer.t.Fatal(err)
			}
			conn.Close()
		},
		"closed for a violation": func(_ *testHub, peer *client, _ *fanout.Spoke) { peer.write(unmasked(fin|opText, "{}")) },
	} {
		for _, topics := range []int{1, 1000} {
			t.Run(fmt.Sprintf("%s, with %d rooms", name, topics), func(t *testing.T) {
				h := newTestHub(t, presenceConfig(fanout.Config{}))
				watcher, _ := h.joinAs("watcher")
				watcher.watch("room")
				peer, spoke := h.joinAs("ada")
				names := []string{"room"}
				for i := range topics - 1 {
					names = append(names, fmt.Sprintf("room:%d", i))
				}
				peer.subscribe(names...)
				watcher.wantsChange("room", "+ada")
				expect(t, "rooms", h.hub.Stats().PresenceRooms, uint64(topics))
				end(h, peer, spoke)
				watcher.wantsChange("room", "-ada")
				until(t, "all rooms are empty", func() bool { return h.hub.Stats().PresenceRooms == 0 })
			})
		}
	}
}

func TestWhoSaysLaterWhoItIsJoinsThen(t *testing.T) {
	h := newTestHub(t, presenceConfig(fanout.Config{MaxTopics: 5000}))
	watcher, _ := h.joinAs("watcher")
	watcher.watch("room")
	peer, spoke := h.joinAs("")
	names := []string{"room"}
	for i := range 4000 {
		names = append(names, fmt.Sprintf("room:%d", i))
	}
	peer.text(envelope("__subscribe", "1", jsonOf(map[string]any{"topics": names})))
	until(t, "the subscriptions", func() bool { return h.hub.Stats().Subscriptions == uint64(len(names)) })
	expect(t, "rooms", h.hub.Stats().PresenceRooms, 0)
	if err := spoke.SetIdentity(fanout.Identity{User: "ada"}); err != nil {
		t.Fatal(err)
	}
	watcher.wantsChange("room", "+ada")
	until(t, "all rooms are there", func() bool { return h.hub.Stats().PresenceRooms == uint64(len(names)) })
	if err := spoke.SetIdentity(fanout.Identity{User: "ada", Value: 1}); err != nil {
		t.Fatal(err)
	}
	expectAll(t, "the users", h.hub.Presence("room"), []event.Member{{User: "ada", Connections: 1}})
	spoke.Close(fanout.CodeNormal, "")
	watcher.wantsChange("room", "-ada")
	until(t, "no room is left", func() bool { return h.hub.Stats().PresenceRooms == 0 })
}

func TestAQuestionWithoutAnIDGetsChangesAlone(t *testing.T) {
	h := newTestHub(t, presenceConfig(fanout.Config{}))
	h.enter("room", "ada")
	peer, _ := h.joinAs("watcher")
	peer.ask("", "room:", "room", "plain")
	peer.sync()
	h.enter("room", "grace")
	peer.wantsChange("room", "+grace")
}

func TestAQuestionThatIsMalformedIsRefusedWhole(t *testing.T) {
	h := newTestHub(t, presenceConfig(fanout.Config{}))
	peer, _ := h.joinAs("ada")
	for _, payload := range []string{`null`, `"room"`, `{}`, `{"topic":7}`, `{"topics":"room"}`, `{"topics":["room",1]}`, `{"topic":"room","topics":["room"]}`} {
		peer.text(envelope("__presence", "1", payload))
		peer.wants(envelope("__reject", "1", `{"topic":"","reason":"invalid_topic"}`))
	}
	peer.ask("2", "room", "room")
	peer.list("2", "room")
	peer.list("2", "room")
	expect(t, "watchers", h.hub.Stats().PresenceWatchers, 1)
}

func TestAQuestionMayNameManyTopics(t *testing.T) {
	h := newTestHub(t, presenceConfig(fanout.Config{}))
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("room:%d", i))
	}
	h.enter("room:999", "ada")
	peer, _ := h.joinAs("watcher")
	peer.ask("1", names...)
	for _, name := range names[:999] {
		expectAll(t, name, peer.list("1", name), nil)
	}
	expectAll(t, "the last", peer.list("1", "room:999"), []event.Member{{User: "ada", Connections: 1}})
	peer.ask("2")
	peer.wants(envelope("__ack", "2", `{"topics":[]}`))
}

func TestPresenceGoesThroughTheHooksOfSubscriptions(t *testing.T) {
	proceed := make(chan struct{})
	h := newTestHub(t, presenceConfig(fanout.Config{
		OnSubscribe: func(_ *fanout.Spoke, topic string) error {
			if topic == "room:2" {
				return errors.New("no")
			}
			return nil
		},
		OnSubscribed: func(_ *fanout.Spoke, topic string, send func(event.Event) bool) {
			if topic == "room:3" {
				<-proceed
			}
			send(event.Event{Type: "snapshot"})
		},
	}))
	snapshot := envelope("snapshot", "", "null")
	peer, spoke := h.joinAs("ada")
	peer.subscribe("room:1")
	peer.wants(snapshot)
	peer.ask("1", "room:1", "room:2")
	expectAll(t, "the list", peer.list("1", "room:1"), []event.Member{{User: "ada", Connections: 1}})
	peer.wants(envelope("__reject", "1", `{"topic":"room:2","reason":"forbidden"}`))
	if err := spoke.Subscribe("room:3"); err != nil {
		t.Fatal(err)
	}
	other, _ := h.enter("room:1", "grace")
	other[0].wants(snapshot)
	peer.ask("2", "room:1")
	until(t, "the change is told", func() bool { return h.hub.Stats().PresenceChanges == 1 })
	close(proceed)
	peer.wants(snapshot)
	peer.wantsChange("room:1", "+grace")
	expectAll(t, "the list", peer.list("2", "room:1"), []event.Member{{User: "ada", Connections: 1}, {User: "grace", Connections: 1}})
}

func TestADrainEndsRoomsAndWatchers(t *testing.T) {
	t.Parallel()
	for name, period := range map[string]time.Duration{"at once": 0, "over time": 400 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			h := newTestHub(t, presenceConfig(fanout.Config{DrainPeriod: period, CloseTimeout: time.Second}))
			for i := range 40 {
				clients, _ := h.enter("room", fmt.Sprint("user", i%20))
				clients[0].ask("w", "room", "room:1")
				go clients[0].conn.Read(make([]byte, 1<<16))
			}
			h.shutdown()
			st := h.hub.Stats()
			if left := st.PresenceRooms + st.PresenceMembers + st.PresenceWatchers; left != 0 || len(h.hub.Presence("room")) != 0 {
				t.Errorf("got %d rooms, users and watchers after the end, want none", left)
			}
		})
	}
}
