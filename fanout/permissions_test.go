package fanout_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// may is an identity that has the permissions of patterns with spaces between them.
func may(t testing.TB, user, subscribe, publish string) fanout.Identity {
	t.Helper()
	p := new(fanout.Permissions)
	var err error
	if p.Subscribe, err = event.ParsePatterns(strings.Fields(subscribe)); err != nil {
		t.Fatal(err)
	}
	if p.Publish, err = event.ParsePatterns(strings.Fields(publish)); err != nil {
		t.Fatal(err)
	}
	return fanout.Identity{User: user, Permissions: p}
}

func forbidden(topic string) string { return reject("", topic, "forbidden") }

func TestPromise11ASubscriptionThatTheIdentityDoesNotCoverHasNoEffect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		user, subscribe string
		yes, no         []string
	}{
		"an exact topic":                         {"ada", "price", []string{"price"}, []string{"price:EURUSD", "prices"}},
		"all ids are not the type":               {"ada", "price:*", []string{"price:EURUSD"}, []string{"price", "prices:x"}},
		"the user's own":                         {"ada", "inbox:$user", []string{"inbox:ada"}, []string{"inbox:bob", "inbox", "inbox:$user"}},
		"nobody's own":                           {"", "inbox:$user", nil, []string{"inbox:ada", "inbox:$user"}},
		"a user named like a pattern":            {"*", "inbox:$user", []string{"inbox:*"}, []string{"inbox:bob"}},
		"nothing":                                {"ada", "", nil, []string{"price", "price:x"}},
		"everything":                             {"ada", "*", []string{"price", "price:x"}, nil},
		"an escaped topic is what it stands for": {"ada", "a", []string{"a"}, []string{`b`}},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				for _, onSubscribe := range []func(*fanout.Spoke, string) error{nil, func(*fanout.Spoke, string) error { return nil }} {
					h := newTestHub(t, fanout.Config{Engine: engine, OnSubscribe: onSubscribe})
					peer, spoke := h.join()
					fanout.Become(spoke, may(t, c.user, c.subscribe, ""))
					peer.text(envelope("__subscribe", "1", jsonOf(map[string]any{"topics": append(slices.Clone(c.no), c.yes...)})))
					for _, topic := range c.no {
						peer.wants(reject("1", topic, "forbidden"))
					}
					if len(c.yes) > 0 {
						peer.wants(ack("1", c.yes...))
					}
					peer.text(envelope("__subscribe", "", jsonOf(map[string]any{"topics": append(slices.Clone(c.no), c.yes...)})))
					peer.text(envelope("__subscribe", "last", `{"topics":[]}`))
					peer.wants(ack("last"))
					expect(t, "topics held", len(spoke.Subscriptions()), len(c.yes))
					expect(t, "forbidden", h.hub.Stats().TopicsForbidden, uint64(2*len(c.no)))
					for _, topic := range c.no {
						typ, id, _ := event.SplitTopic(topic)
						h.hub.DispatchEvent(event.Event{Type: typ, ID: id})
					}
					expect(t, "events of that type alone", h.hub.Stats().Deliveries <= uint64(len(c.no)*len(c.yes)), true)
				}
			})
		})
	}
}

func TestPromise11AnUnsubscriptionNeedsNoPermission(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	c, spoke := h.join()
	c.subscribe("a", "b")
	fanout.Become(spoke, may(t, "ada", "a b", ""))
	c.text(envelope("__unsubscribe", "1", `{"topics":["a","b","never"]}`))
	c.wants(ack("1", "a", "b", "never"))
}

func TestOnSubscribeIsAskedOnceAboutEachTopicThatTheIdentityCovers(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		asked := make(chan string, 10)
		h := newTestHub(t, fanout.Config{Engine: engine, OnSubscribe: func(_ *fanout.Spoke, topic string) error {
			asked <- topic
			if len(asked) > 2 {
				return errors.New("not twice")
			}
			return nil
		}})
		c, spoke := h.join()
		fanout.Become(spoke, may(t, "ada", "a b", ""))
		c.text(envelope("__subscribe", "1", `{"topics":["a","secret","a","b",":","a"]}`), envelope("__unsubscribe", "2", `{"topic":"a"}`))
		c.wants(reject("1", "secret", "forbidden"), reject("1", ":", "invalid_topic"), ack("1", "a", "a", "b", "a"), ack("2", "a"))
		expect(t, "asked", len(asked), 2)
	})
}

func TestOnSubscribeDoesNotSpeakForAnIdentityThatCameMeanwhile(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		wide, narrow := may(t, "ada", "*", ""), may(t, "ada", "a b", "")
		for name, c := range map[string]struct {
			before, after fanout.Identity
			answers       []string
		}{
			"one that covers less": {wide, narrow, []string{reject("1", "c", "forbidden"), ack("1", "a", "b")}},
			"one that covers more": {narrow, wide, []string{reject("1", "c", "forbidden"), ack("1", "a", "b")}},
		} {
			t.Run(name, func(t *testing.T) {
				h := newTestHub(t, fanout.Config{Engine: engine, OnSubscribe: func(s *fanout.Spoke, topic string) error {
					if topic == "b" {
						fanout.Become(s, c.after)
					}
					return nil
				}})
				peer, spoke := h.join()
				fanout.Become(spoke, c.before)
				peer.text(envelope("__subscribe", "1", `{"topics":["a","c","b"]}`))
				peer.wants(c.answers...)
			})
		}
	})
}

func TestPromise11AnEventThatTheIdentityDoesNotCoverHasNoEffect(t *testing.T) {
	for name, onPublish := range map[string]func(*fanout.Spoke, event.Event) error{
		"by patterns":      nil,
		"beside OnPublish": func(*fanout.Spoke, event.Event) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				seen := make(chan string, 100)
				h := newTestHub(t, fanout.Config{Engine: engine, Relay: true, OnPublish: onPublish,
					OnEvent: func(_ *fanout.Spoke, e event.Event) { seen <- textOf(e) }})
				heard := h.hear("secret")
				other, _ := h.join()
				other.subscribe("secret", "inbox:ada", "inbox:bob", "open")
				c, spoke := h.join()
				if _, err := spoke.AddEventListener("inbox:bob", func(_ *fanout.Spoke, e event.Event) { seen <- "own " + textOf(e) }); err != nil {
					t.Fatal(err)
				}
				fanout.Become(spoke, may(t, "ada", "", "inbox:$user open"))
				long := jsonOf(strings.Repeat("x", 64<<10))
				c.text(envelope("secret", "", "1"), envelope("secret", "7", "1"), envelope("inbox", "bob", "1"), envelope("open", "7", "1"),
					envelope("secret", "", long), `{"type":"s\u0065cret"}`, "{", envelope("inbox", "ada", "1"))
				_, _ = c.conn.Write(frames(clientFrame(fin|opBinary, envelope("inbox", "bob", "2")),
					clientFrame(opText, `{"type":"se`), clientFrame(opContinuation, `cret","pay`), clientFrame(fin|opContinuation, `load":3}`)))
				c.text(envelope("open", "", "2"))
				c.wants(forbidden("secret"), forbidden("secret:7"), forbidden("inbox:bob"), forbidden("open:7"), forbidden("secret"), forbidden("secret"),
					forbidden("inbox:bob"), forbidden("secret"))
				other.wants(envelope("inbox", "ada", "1"), envelope("open", "", "2"))
				expect(t, "seen", receive(t, seen, "the first"), "inbox ada 1")
				expect(t, "seen", receive(t, seen, "the last"), "open  2")
				expect(t, "more seen", len(seen)+len(heard), 0)
				st := h.hub.Stats()
				expect(t, "forbidden", st.EventsForbidden, 8)
				expect(t, "relayed", st.EventsRelayed, 2)
				expect(t, "deliveries", st.Deliveries, 2)
				expect(t, "malformed", st.Malformed, 1)
			})
		})
	}
}

func TestPromise11TheIdentityThatOnConnectionGivesCoversWhatCameBefore(t *testing.T) {
	for name, onPublish := range map[string]func(*fanout.Spoke, event.Event) error{
		"by patterns":      nil,
		"beside OnPublish": func(*fanout.Spoke, event.Event) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				identity, goOn := may(t, "ada", "", "open"), make(chan struct{}, 2)
				goOn <- struct{}{}
				h := newTestHub(t, fanout.Config{Engine: engine, Relay: true, OnPublish: onPublish, OnConnection: func(s *fanout.Spoke, _ net.Conn) {
					<-goOn
					fanout.Become(s, identity)
				}})
				heard, refused := h.hear("open"), h.hear("secret")
				other, otherSpoke := h.join()
				receive(t, h.connected, "OnConnection")
				fanout.Become(otherSpoke, fanout.Identity{})
				other.subscribe("open", "secret")
				c, _ := h.join()
				c.text(envelope("secret", "", "1"), envelope("open", "", "1"), envelope("secret", "", "2"), envelope("open", "", "2"))
				until(t, "all is read", func() bool { return h.hub.Stats().EventsIn == 4 })
				goOn <- struct{}{}
				other.wants(envelope("open", "", "1"), envelope("open", "", "2"))
				c.wants(forbidden("secret"), forbidden("secret"))
				for i := 1; i <= 2; i++ {
					expect(t, "heard", receive(t, heard, "the event"), "open  "+strconv.Itoa(i))
				}
				expect(t, "refused and heard", len(refused), 0)
			})
		})
	}
}

func TestRejectsOfEventsAreFewHoweverManyEventsAreForbidden(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Relay: true})
		c, spoke := h.join()
		fanout.Become(spoke, may(t, "ada", "", ""))
		const events = 20_000
		go func() {
			for range events {
				_, _ = c.conn.Write(clientFrame(fin|opText, envelope("t", "", "0")))
			}
			_, _ = c.conn.Write(clientFrame(fin|opText, envelope("__subscribe", "end", `{"topics":[]}`)))
		}()
		told := 0
		for c.message() == forbidden("t") {
			told++
		}
		if told < 1 || told > 60 {
			t.Errorf("got %d rejects, want some, and few", told)
		}
		expect(t, "forbidden", h.hub.Stats().EventsForbidden, events)
	})
}

func TestANewIdentityTakesAwayWhatItDoesNotCover(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, MaxTopics: 10_000})
		c, spoke := h.join()
		fanout.Become(spoke, may(t, "ada", "a:* b:*", ""))
		var topics []string
		for i := range 3000 {
			topics = append(topics, fmt.Sprintf("a:%d", i), fmt.Sprintf("b:%d", i))
		}
		c.subscribe(topics...)
		if err := spoke.Subscribe("servers"); err != nil {
			t.Fatal(err)
		}
		fanout.Become(spoke, may(t, "ada", "a:*", ""))
		lost := make(map[string]bool)
		for range 3000 {
			lost[c.message()] = true
		}
		for i := range 3000 {
			if want := forbidden(fmt.Sprintf("b:%d", i)); !lost[want] {
				t.Fatalf("got no %s", want)
			}
		}
		expect(t, "topics held", len(spoke.Subscriptions()), 3001)
		expect(t, "forbidden", h.hub.Stats().TopicsForbidden, 3000)
		h.hub.DispatchEvent(event.Event{Type: "b", ID: "7"})
		h.hub.DispatchEvent(event.Event{Type: "servers"})
		c.wants(envelope("servers", "", "null"))
	})
}

func TestRejectsOfLostTopicsWaitUntilTheSpokeReads(t *testing.T) {
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, QueueLimit: 64 << 10, SendBuffer: 4 << 10})
		c, spoke := h.join()
		fanout.Become(spoke, may(t, "ada", "*", ""))
		var topics []string
		for i := range 1000 {
			topics = append(topics, fmt.Sprintf("%0200d", i))
		}
		if err := spoke.Subscribe(topics...); err != nil {
			t.Fatal(err)
		}
		stall(t, spoke)
		fanout.Become(spoke, may(t, "ada", "", ""))
		expect(t, "topics held", len(spoke.Subscriptions()), 0)
		told := 0
		for told < len(topics) {
			if strings.HasPrefix(c.message(), `{"type":"__reject"`) {
				told++
			}
		}
		expect(t, "slow", h.hub.Stats().Backpressure, 0)
	})
}
