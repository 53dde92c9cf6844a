package fanout_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// waysToBeAlice are the ways in which a client gets the identity of alice.
var waysToBeAlice = map[string]func(h *testHub) *client{
	"by a first event": func(h *testHub) *client {
		c, _ := h.joinUnidentified()
		c.text(authOf("1", "alice"))
		c.wants(authAck("1", "alice"))
		return c
	},
	"by AddConnection": func(h *testHub) *client {
		here, there := pair(h.t, "tcp")
		if _, err := h.hub.AddConnection(there, fanout.AddOptions{Identity: fanout.Identity{User: "alice"}}); err != nil {
			h.t.Fatal(err)
		}
		return newClient(h.t, here)
	},
	"by a handshake with Serve":     func(h *testHub) *client { return handshakeAs(h, h.serve()) },
	"by a handshake with ServeHTTP": func(h *testHub) *client { return handshakeAs(h, h.serveHTTP()) },
}

func handshakeAs(h *testHub, address string) *client {
	c := dial(h.t, "tcp", address)
	c.write(handshakeWith("X-User: alice"))
	c.accepted()
	return c
}

func TestPromise11EveryCallbackSeesTheIdentity(t *testing.T) {
	t.Parallel()
	for name, join := range waysToBeAlice {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) { testEveryCallbackSeesAlice(t, engine, join) })
		})
	}
}

func testEveryCallbackSeesAlice(t *testing.T, engine fanout.Engine, join func(h *testHub) *client) {
	seen := make(chan string, 100)
	see := func(what string, s *fanout.Spoke) { seen <- what + " " + s.Identity().User }
	h := authHub(t, fanout.Config{
		Engine:      engine,
		QueueLimit:  8 << 10,
		OnHandshake: named,
		OnConnection: func(s *fanout.Spoke, _ net.Conn) {
			see("OnConnection", s)
			if _, err := s.AddEventListener("t", func(s *fanout.Spoke, _ event.Event) { see("its listener", s) }); err != nil {
				t.Error(err)
			}
		},
		OnEvent:         func(s *fanout.Spoke, _ event.Event) { see("OnEvent", s) },
		OnSubscribed:    func(s *fanout.Spoke, _ string, _ func(event.Event) bool) { see("OnSubscribed", s) },
		OnBackpressure:  func(s *fanout.Spoke, _ fanout.Backpressure) { see("OnBackpressure", s) },
		OnDisconnection: func(s *fanout.Spoke, _ net.Conn, _ fanout.Cause) { see("OnDisconnection", s) },
		OnPublish: func(s *fanout.Spoke, _ event.Event) error {
			see("OnPublish", s)
			return nil
		},
		OnSubscribe: func(s *fanout.Spoke, _ string) error {
			see("OnSubscribe", s)
			return nil
		},
	})
	h.listen("t", func(s *fanout.Spoke, _ event.Event) { see("listener", s) })
	wants := func(calls ...string) {
		t.Helper()
		for _, call := range calls {
			expect(t, "seen", receive(t, seen, call), call+" alice")
		}
	}
	c := join(h)
	c.text(envelope("t", "", "1"), envelope("__subscribe", "2", `{"topic":"t"}`))
	c.wants(envelope("__ack", "2", `{"topics":["t"]}`))
	wants("OnConnection", "OnPublish", "OnEvent", "its listener", "listener", "OnSubscribe", "OnSubscribed")
	spoke := receive(t, h.connected, "OnConnection")
	if err := spoke.Subscribe("u"); err != nil {
		t.Fatal(err)
	}
	wants("OnSubscribed")
	h.hub.DispatchEvent(event.Event{Type: "t", Payload: []byte(jsonOf(strings.Repeat("x", 9<<10)))})
	wants("OnBackpressure", "OnDisconnection")
	expect(t, "user after the end", spoke.Identity().User, "alice")
}

// waysToLoseTopics are the ways in which alice gets an identity that covers nothing, and knows that it holds.
var waysToLoseTopics = map[string]func(h *testHub, c *client, spoke *fanout.Spoke){
	"by SetIdentity": func(h *testHub, _ *client, spoke *fanout.Spoke) {
		if err := spoke.SetIdentity(may(h.t, "alice", "", "")); err != nil {
			h.t.Fatal(err)
		}
	},
	"by a token": func(_ *testHub, c *client, _ *fanout.Spoke) {
		c.text(authOf("1", "alice"))
		c.wants(authAck("1", "alice"))
	},
}

func TestPromise11HoldsForManyTopicsAtOnce(t *testing.T) {
	t.Parallel()
	for name, lose := range waysToLoseTopics {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := authHub(t, fanout.Config{Engine: engine, MaxTopics: 50_000, OnAuth: func(context.Context, *fanout.Spoke, string) (fanout.Identity, error) {
					return may(t, "alice", "", ""), nil
				}})
				c, spoke := h.join()
				fanout.Become(spoke, fanout.Identity{User: "alice"})
				topics := make([]string, 50_000)
				for i := range topics {
					topics[i] = fmt.Sprintf("a:%d", i)
				}
				if err := spoke.Subscribe(topics...); err != nil {
					t.Fatal(err)
				}
				lose(h, c, spoke)
				if left := len(spoke.Subscriptions()); left > 0 {
					t.Errorf("got %d topics left when the identity held, want none", left)
				}
			})
		})
	}
}
