package fanout_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestEveryCallbackSeesTheIdentityOfAnAddedConnection(t *testing.T) {
	t.Parallel()
	const connections = 800
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		var nobody, seen atomic.Int64
		see := func(s *fanout.Spoke) {
			seen.Add(1)
			if i := s.Identity(); i.User == "" || i.Value != i.User {
				nobody.Add(1)
			}
		}
		h := newTestHub(t, fanout.Config{Engine: engine,
			OnConnection:    func(s *fanout.Spoke, _ net.Conn) { see(s) },
			OnDisconnection: func(s *fanout.Spoke, _ net.Conn, _ fanout.Cause) { see(s) },
			OnEvent:         func(s *fanout.Spoke, _ event.Event) { see(s) },
			OnSubscribe: func(s *fanout.Spoke, topic string) error {
				if see(s); topic != "inbox:"+s.Identity().User {
					return errors.New("somebody else's")
				}
				return nil
			},
		})
		var adding sync.WaitGroup
		clients := make([]*client, connections)
		for i := range clients {
			here, there := pair(t, "tcp")
			clients[i] = newClient(t, here)
			user := fmt.Sprint("user", i)
			clients[i].text(envelope("__subscribe", "1", `{"topic":"inbox:`+user+`"}`), envelope("hello", "", "1"))
			adding.Go(func() {
				if _, err := h.hub.AddConnection(there, fanout.AddOptions{Identity: fanout.Identity{User: user, Value: user}}); err != nil {
					t.Errorf("add connection: %v", err)
				}
			})
		}
		adding.Wait()
		for i, c := range clients {
			c.wants(ack("1", fmt.Sprint("inbox:user", i)))
			c.conn.Close()
		}
		until(t, "all are gone", func() bool { return len(h.gone) == connections })
		expect(t, "callbacks", seen.Load(), 4*connections)
		expect(t, "callbacks without the identity", nobody.Load(), 0)
	})
}

func TestAddConnectionLosesNoByteThatWasReadAhead(t *testing.T) {
	const events = 500
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		heard := h.hear("t")
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, buffered, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Errorf("hijack: %v", err)
				return
			}
			unread, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
			before := string(unread)
			s, err := h.hub.AddConnection(conn, fanout.AddOptions{Unread: unread, Subprotocol: "spokehub.v1"})
			if err != nil {
				t.Errorf("add connection: %v", err)
				return
			}
			expect(t, "subprotocol", s.Subprotocol(), "spokehub.v1")
			expect(t, "the caller's bytes", string(unread), before)
		}))
		t.Cleanup(server.Close)
		c := dial(t, "tcp", server.Listener.Addr().String())
		all := []byte(handshakeRequest)
		for i := range events {
			all = append(all, clientFrame(fin|opText, envelope("t", "", fmt.Sprint(i)))...)
		}
		c.write(all)
		for i := range events {
			expect(t, "heard", receive(t, heard, "an event"), fmt.Sprintf("t  %d", i))
		}
	})
}

func TestAddConnectionTakesUnreadOfAnyLength(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		whole := append(clientFrame(fin|opText, envelope("t", "", `"first"`)), clientFrame(fin|opText, envelope("t", "", `"second"`))...)
		for cut := range len(whole) + 1 {
			h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1})
			heard := h.hear("t")
			here, there := net.Pipe()
			c := newClient(t, here)
			if _, err := h.hub.AddConnection(there, fanout.AddOptions{Unread: whole[:cut]}); err != nil {
				t.Fatal(err)
			}
			c.write(whole[cut:])
			for _, want := range []string{`t  "first"`, `t  "second"`} {
				expect(t, "heard", receive(t, heard, want), want)
			}
			h.cut()
		}
	})
}

func TestAddConnectionTakesOneSetOfOptions(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	here, there := pair(t, "tcp")
	c := newClient(t, here)
	_, err := h.hub.AddConnection(there, fanout.AddOptions{}, fanout.AddOptions{})
	if err == nil || errors.Is(err, fanout.ErrClosed) {
		t.Errorf("got %v, want an error about the options", err)
	}
	c.ended()
}
