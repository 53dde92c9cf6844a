package fanout_test

import (
	"fmt"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestAStrangerWhomTheServerIdentifiesIsAmongItsUsersSpokes(t *testing.T) {
	for name, identify := range map[string]func(c *client, s *fanout.Spoke) error{
		"at once": func(_ *client, s *fanout.Spoke) error { return s.SetIdentity(fanout.Identity{User: "ada"}) },
		"twice": func(_ *client, s *fanout.Spoke) error {
			_ = s.SetIdentity(fanout.Identity{User: "ada"})
			return s.SetIdentity(fanout.Identity{User: "ada", Value: 1})
		},
		"anonymous first": func(_ *client, s *fanout.Spoke) error {
			_ = s.SetIdentity(fanout.Identity{Value: 1})
			return s.SetIdentity(fanout.Identity{User: "ada"})
		},
		"beside a token": func(c *client, s *fanout.Spoke) error {
			c.text(authOf("", "ada"))
			return s.SetIdentity(fanout.Identity{User: "ada"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := authHub(t, fanout.Config{})
			c, s := h.joinUnidentified()
			if err := identify(c, s); err != nil {
				t.Fatal(err)
			}
			receive(t, h.connected, "OnConnection")
			c.sync()
			expectAll(t, "spokes of ada", h.hub.UserSpokes("ada"), []*fanout.Spoke{s})
			h.hub.DispatchToUser("ada", event.Event{Type: "t", Payload: []byte("1")})
			c.wants(envelope("t", "", "1"))
			expect(t, "closed", h.hub.DisconnectUser("ada", fanout.CodePolicy, ""), 1)
		})
	}
}

func TestPromise11NothingThatANewIdentityDoesNotCoverSlipsBy(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		const rounds, topics = 20, 500
		h := authHub(t, fanout.Config{Engine: engine, Relay: true})
		heard := h.hear("t")
		all, err := event.ParsePatterns([]string{"*"})
		if err != nil {
			t.Fatal(err)
		}
		may := fanout.Identity{User: "ada", Permissions: &fanout.Permissions{Subscribe: all, Publish: all}}
		mayNot := fanout.Identity{User: "ada", Permissions: &fanout.Permissions{}}
		var many []string
		for i := range topics {
			many = append(many, fmt.Sprint("t", i))
		}
		c, s := h.join()
		c.subscribe("t0")
		for range rounds {
			if err := s.SetIdentity(may); err != nil {
				t.Fatal(err)
			}
			c.text(envelope("__subscribe", "", `{"topics":`+jsonOf(many)+`}`), envelope("t", "", "1"), envelope("t", "", "2"))
			if err := s.SetIdentity(mayNot); err != nil {
				t.Fatal(err)
			}
			forbidden := h.hub.Stats().EventsForbidden
			relayed := h.hub.Stats().EventsRelayed
			for _, topic := range many {
				receipt, err := h.hub.Publish(t.Context(), event.Event{Type: topic})
				if err != nil || receipt.Matched != 0 {
					t.Fatalf("got %+v and %v for %s, want no subscriber", receipt, err, topic)
				}
			}
			c.text(envelope("t", "", "3"))
			c.write(clientFrame(fin|opPing, "behind"))
			for c.frame().op != opPong {
			}
			st := h.hub.Stats()
			if st.EventsRelayed-relayed > 2 || st.EventsForbidden == forbidden {
				t.Fatalf("got %d relayed and %d forbidden after the change, want those at most that were on their way before", st.EventsRelayed-relayed, st.EventsForbidden-forbidden)
			}
		}
		for len(heard) > 0 {
			if got := <-heard; got == "t  3" {
				t.Fatal("got an event that the identity does not cover, want none")
			}
		}
	})
}
