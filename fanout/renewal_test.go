package fanout_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// identified connects a client that identifies itself by a token.
func (h *testHub) identified(token, user string) (*client, *fanout.Spoke) {
	h.t.Helper()
	c, spoke := h.joinUnidentified()
	c.text(authOf("0", token))
	c.wants(authAck("0", user))
	receive(h.t, h.connected, "OnConnection")
	return c, spoke
}

func TestAnIdentityIsRenewed(t *testing.T) {
	no := rejected("1", "", event.Unauthenticated)
	for name, test := range map[string]struct {
		first, second, want string
		user, value         string
	}{
		"by a token of the same user":                   {"alice 1", "alice 2", authAck("1", "alice"), "alice", "2"},
		"not by a token of another user":                {"alice 1", "bob 2", no, "alice", "1"},
		"not by a token of nobody":                      {"alice 1", " 2", no, "alice", "1"},
		"not by a bad token":                            {"alice 1", "alice bad", no, "alice", "1"},
		"not by one that has expired":                   {"alice 1", "alice expired", no, "alice", "1"},
		"not where OnAuth panics":                       {"alice 1", "alice panics", no, "alice", "1"},
		"and an anonymous spoke gets a user":            {" 1", "bob 2", authAck("1", "bob"), "bob", "2"},
		"not where a refusal has only an HTTP status":   {"alice 1", "alice status", no, "alice", "1"},
		"and a spoke without a user may stay anonymous": {" 1", " 2", authAck("1", ""), "", "2"},
	} {
		t.Run(name, func(t *testing.T) {
			h := authHub(t, fanout.Config{Relay: true})
			user := test.user
			if test.first == " 1" {
				user = ""
			}
			c, spoke := h.identified(test.first, user)
			c.subscribe("t")
			for range 5 {
				c.text(authOf("1", test.second))
				c.wants(test.want)
			}
			got := spoke.Identity()
			expect(t, "user", got.User, test.user)
			expect(t, "value", got.Value.(string), test.value)
			h.hub.DispatchEvent(event.Event{Type: "t"})
			c.wants(envelope("t", "", "null"))
			expect(t, "calls of OnConnection left", len(h.connected), 0)
		})
	}
}

func TestOnAuthIsNotAskedForOneSpokeWithoutEnd(t *testing.T) {
	var asked atomic.Int64
	h := authHub(t, fanout.Config{OnAuth: func(context.Context, *fanout.Spoke, string) (fanout.Identity, error) {
		asked.Add(1)
		return fanout.Identity{User: "alice"}, nil
	}})
	c, spoke := h.identified("alice", "alice")
	for i := range 100 {
		c.text(authOf(strconv.Itoa(i), "alice"))
	}
	for range 100 {
		c.message()
	}
	if n := asked.Load(); n < 10 || n > 50 {
		t.Errorf("got OnAuth asked %d times about 101 tokens, want some ten", n)
	}
	expect(t, "user", spoke.Identity().User, "alice")
}

func TestTokensBehindOneThatIsAskedAboutAreAnsweredInTheirOrder(t *testing.T) {
	gate := make(chan struct{})
	h := authHub(t, fanout.Config{OnAuth: func(ctx context.Context, s *fanout.Spoke, token string) (fanout.Identity, error) {
		<-gate
		return onAuth(ctx, s, token)
	}})
	c, _ := h.joinUnidentified()
	c.text(authOf("first", "alice"), envelope("__auth", "none", "{}"), envelope("__auth", "", "{}"), authOf("bob", "bob"))
	for i := range 100 {
		c.text(authOf(strconv.Itoa(i), "alice"))
	}
	c.sync()
	close(gate)
	c.wants(authAck("first", "alice"), rejected("none", "", event.Unauthenticated), rejected("bob", "", event.Unauthenticated))
	for i := range 100 {
		id := strconv.Itoa(i)
		if got := c.message(); got != authAck(id, "alice") && (i < 8 || got != rejected(id, "", event.Unauthenticated)) {
			t.Fatalf("got %s, want the token %d answered, and one of the first ten accepted", got, i)
		}
	}
}

func TestPromise6EventsBehindARenewalComeWithTheNewIdentityInTheirOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		gate := make(chan struct{})
		h := authHub(t, fanout.Config{Engine: engine, Relay: true, OnAuth: func(ctx context.Context, s *fanout.Spoke, token string) (fanout.Identity, error) {
			if token != "alice 0" {
				<-gate
			}
			return onAuth(ctx, s, token)
		}})
		heard := make(chan string, 100)
		h.listen("t", func(s *fanout.Spoke, e event.Event) { heard <- e.ID + " as " + s.Identity().Value.(string) })
		other, _ := h.join()
		other.subscribe("t")
		receive(t, h.connected, "OnConnection of the other")
		c, _ := h.identified("alice 0", "alice")
		want := []string{"1 as 0", "2 as 1", "3 as 2", "4 as 2"}
		c.text(envelope("t", "1", "0"))
		expect(t, "heard", receive(t, heard, "the event ahead of renewals"), want[0])
		c.text(authOf("1", "alice 1"), envelope("t", "2", "0"), authOf("2", "alice 2"), envelope("t", "3", "0"))
		c.sync()
		c.text(envelope("t", "4", "0"))
		c.sync()
		expect(t, "events relayed while OnAuth runs", h.hub.Stats().EventsRelayed, 1)
		gate <- struct{}{}
		c.wants(authAck("1", "alice"))
		other.wants(envelope("t", "1", "0"), envelope("t", "2", "0"))
		c.sync()
		expect(t, "events relayed while OnAuth runs again", h.hub.Stats().EventsRelayed, 2)
		gate <- struct{}{}
		c.wants(authAck("2", "alice"))
		for i, text := range want {
			if i > 1 {
				other.wants(envelope("t", strconv.Itoa(i+1), "0"))
			}
			if i > 0 {
				expect(t, "heard", receive(t, heard, "an event"), text)
			}
		}
		c.text(envelope("t", "5", "0"))
		other.wants(envelope("t", "5", "0"))
	})
}

func TestSetIdentity(t *testing.T) {
	alice := fanout.Identity{User: "alice", Value: "set"}
	for name, test := range map[string]struct {
		join  func(h *testHub) (*client, *fanout.Spoke)
		set   fanout.Identity
		fails bool
		user  string
	}{
		"renews the identity of the same user":      {func(h *testHub) (*client, *fanout.Spoke) { return h.identified("alice 1", "alice") }, alice, false, "alice"},
		"gives an anonymous spoke a user":           {func(h *testHub) (*client, *fanout.Spoke) { return h.identified(" 1", "") }, alice, false, "alice"},
		"does not make one user of another":         {func(h *testHub) (*client, *fanout.Spoke) { return h.identified("bob 1", "bob") }, alice, true, "bob"},
		"does not take an identity with no time":    {func(h *testHub) (*client, *fanout.Spoke) { return h.identified("bob 1", "bob") }, fanout.Identity{User: "bob", Expires: time.Now()}, true, "bob"},
		"identifies a spoke that has sent no token": {func(h *testHub) (*client, *fanout.Spoke) { return h.joinUnidentified() }, alice, false, "alice"},
		"identifies a spoke that has sent early events": {func(h *testHub) (*client, *fanout.Spoke) {
			c, s := h.joinUnidentified()
			c.text(envelope("t", "", "1"))
			c.wants(rejected("", "t", event.Unauthenticated))
			return c, s
		}, alice, false, "alice"},
	} {
		t.Run(name, func(t *testing.T) {
			h := authHub(t, fanout.Config{})
			c, spoke := test.join(h)
			wasThere := spoke.Identity().Value != nil
			accepted := h.hub.Stats().AuthsAccepted
			err := spoke.SetIdentity(test.set)
			if (err != nil) != test.fails {
				t.Errorf("got %v, want an error: %v", err, test.fails)
			}
			expect(t, "user", spoke.Identity().User, test.user)
			if !wasThere {
				receive(t, h.connected, "OnConnection")
			}
			c.subscribe("t")
			c.text(envelope("__subscribe", "", "0"))
			c.sync()
			expect(t, "tokens accepted", h.hub.Stats().AuthsAccepted, accepted)
			expect(t, "spokes of the user", slices.Equal(h.hub.UserSpokes(test.user), []*fanout.Spoke{spoke}), test.user != "")
			spoke.Close(1000, "")
			receive(t, h.gone, "OnDisconnection")
			if err := spoke.SetIdentity(test.set); !test.fails && !errors.Is(err, fanout.ErrNotConnected) {
				t.Errorf("after the end: got %v, want ErrNotConnected", err)
			}
			expect(t, "user after the end", spoke.Identity().User, test.user)
		})
	}
}

func TestSetIdentityMeetsATokenUnderWay(t *testing.T) {
	for name, test := range map[string]struct {
		token, want string
	}{
		"of the same user": {"alice 2", authAck("1", "alice")},
		"of another":       {"bob 2", rejected("1", "", event.Unauthenticated)},
		"that is bad":      {"bob bad", rejected("1", "", event.Unauthenticated)},
	} {
		t.Run(name, func(t *testing.T) {
			gate, asked := make(chan struct{}), make(chan struct{}, 1)
			h := authHub(t, fanout.Config{OnAuth: func(ctx context.Context, s *fanout.Spoke, token string) (fanout.Identity, error) {
				asked <- struct{}{}
				<-gate
				return onAuth(ctx, s, token)
			}})
			c, spoke := h.joinUnidentified()
			c.text(authOf("1", test.token), envelope("__subscribe", "2", `{"topic":"t"}`))
			receive(t, asked, "a call of OnAuth")
			if err := spoke.SetIdentity(fanout.Identity{User: "alice", Value: "set"}); err != nil {
				t.Errorf("got %v, want no error", err)
			}
			close(gate)
			c.wants(test.want)
			expect(t, "user", receive(t, h.connected, "OnConnection").Identity().User, "alice")
			expect(t, "connections of alice", len(h.hub.UserSpokes("alice")), 1)
			if got := c.message(); got != rejected("2", "", event.Unauthenticated) && got != envelope("__ack", "2", `{"topics":["t"]}`) {
				t.Errorf("got %s, want the subscription answered", got)
			}
			c.subscribe("u")
			expect(t, "calls of OnConnection left", len(h.connected), 0)
		})
	}
}
