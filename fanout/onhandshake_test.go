package fanout_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// eachServer runs f for each engine and each way on which requests reach OnHandshake. address starts the hub's server.
func eachServer(t *testing.T, f func(t *testing.T, engine fanout.Engine, address func(h *testHub) string)) {
	t.Helper()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		for name, address := range map[string]func(h *testHub) string{"Serve": (*testHub).serve, "ServeHTTP": (*testHub).serveHTTP} {
			t.Run(name, func(t *testing.T) { f(t, engine, address) })
		}
	})
}

// serveHTTP mounts the hub in a server of net/http and returns its address.
func (h *testHub) serveHTTP() string {
	server := httptest.NewServer(h.hub)
	h.t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func handshakeWith(lines ...string) []byte {
	return []byte(handshakeHead + strings.Join(lines, "\r\n") + "\r\n\r\n")
}

// named lets every client in under the name that it gives.
func named(_ context.Context, hs *fanout.Handshake) (fanout.Identity, error) {
	return fanout.Identity{User: hs.Request.Header.Get("X-User"), Value: hs}, nil
}

func TestOnHandshakeSeesTheWholeRequest(t *testing.T) {
	eachServer(t, func(t *testing.T, engine fanout.Engine, address func(h *testHub) string) {
		h := newTestHub(t, fanout.Config{Engine: engine, OnHandshake: named, Subprotocols: []string{"spokehub.v1"}})
		c := dial(t, "tcp", address(h))
		request := strings.Replace(string(handshakeWith("X-User: ada", "Cookie: a=1; b=2", "Sec-WebSocket-Protocol: bearer.x , spokehub.v1")), "/ws", "/ws?room=7", 1)
		c.write([]byte(request))
		expect(t, "subprotocol answered", c.accepted().Header.Get("Sec-Websocket-Protocol"), "spokehub.v1")
		s := receive(t, h.connected, "OnConnection")
		hs := s.Identity().Value.(*fanout.Handshake)
		cookie, err := hs.Request.Cookie("b")
		if err != nil {
			t.Fatal(err)
		}
		_, hasDeadline := hs.Request.Context().Deadline()
		for what, pair := range map[string][2]any{
			"user":           {s.Identity().User, "ada"},
			"query":          {hs.Request.URL.Query().Get("room"), "7"},
			"host":           {hs.Request.Host, "hub.test"},
			"cookie":         {cookie.Value, "2"},
			"subprotocols":   {fmt.Sprint(hs.Subprotocols), "[bearer.x spokehub.v1]"},
			"subprotocol":    {s.Subprotocol(), "spokehub.v1"},
			"remote address": {hs.RemoteAddr.String(), c.conn.LocalAddr().String()},
			"request's":      {hs.Request.RemoteAddr, c.conn.LocalAddr().String()},
			"local address":  {hs.LocalAddr.String(), c.conn.RemoteAddr().String()},
			"a deadline":     {hasDeadline, true},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s: got %v, want %v", what, pair[0], pair[1])
			}
		}
		expect(t, "handshakes", h.hub.Stats().Handshakes, 1)
	})
}

// ctxKey is under which a middleware stores what it knows.
type ctxKey struct{}

func TestOnHandshakeSeesWhatAMiddlewareHasFound(t *testing.T) {
	h := newTestHub(t, fanout.Config{OnHandshake: func(ctx context.Context, hs *fanout.Handshake) (fanout.Identity, error) {
		user, _ := hs.Request.Context().Value(ctxKey{}).(string)
		return fanout.Identity{User: user}, nil
	}})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.hub.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), ctxKey{}, "ada")))
	}))
	t.Cleanup(server.Close)
	dial(t, "tcp", server.Listener.Addr().String()).handshake()
	expect(t, "user", receive(t, h.connected, "OnConnection").Identity().User, "ada")
}

func TestOnHandshakeRefusals(t *testing.T) {
	refuse := func(r fanout.Refusal) error { return fmt.Errorf("wrapped: %w", &r) }
	for name, c := range map[string]struct {
		err           error
		status        int
		header, value string
		body          string
		code          uint16
		reason        string
		logged        int
	}{
		"403":                        {err: refuse(fanout.Refusal{Status: 403, Reason: "not here"}), status: 403, body: "not here\n"},
		"401 asks for a token":       {err: refuse(fanout.Refusal{Status: 401, Reason: "no token"}), status: 401, header: "Www-Authenticate", value: "Bearer", body: "no token\n"},
		"401 with a time":            {err: refuse(fanout.Refusal{Status: 401, RetryAfter: time.Second}), status: 401, header: "Retry-After", value: "1", body: "\n"},
		"429 with a time":            {err: refuse(fanout.Refusal{Status: 429, Reason: "slow", RetryAfter: 1500 * time.Millisecond}), status: 429, header: "Retry-After", value: "2", body: "slow\n"},
		"4401 with a reason":         {err: refuse(fanout.Refusal{Code: 4401, Reason: "no token"}), status: 101, code: 4401, reason: "no token"},
		"4403 with a long reason":    {err: refuse(fanout.Refusal{Code: 4403, Reason: strings.Repeat("x", 200)}), status: 101, code: 4403, reason: strings.Repeat("x", 123)},
		"4429 with a time":           {err: refuse(fanout.Refusal{Code: 4429, Reason: "slow", RetryAfter: 1500 * time.Millisecond}), status: 101, code: 4429, reason: `{"retry_after_ms":1500}`},
		"neither status nor code":    {err: refuse(fanout.Refusal{Reason: "secret"}), status: 500, logged: 1},
		"both":                       {err: refuse(fanout.Refusal{Status: 403, Code: 4403, Reason: "secret"}), status: 500, logged: 1},
		"a status that is no error":  {err: refuse(fanout.Refusal{Status: 302, Reason: "secret"}), status: 500, logged: 1},
		"a code that is the hub's":   {err: refuse(fanout.Refusal{Code: 1008, Reason: "secret"}), status: 500, logged: 1},
		"any other error":            {err: errors.New("secret"), status: 500, logged: 1},
		"an identity provider hangs": {err: fmt.Errorf("secret: %w", context.DeadlineExceeded), status: 503, header: "Retry-After", value: "2", logged: 1},
	} {
		t.Run(name, func(t *testing.T) {
			eachServer(t, func(t *testing.T, engine fanout.Engine, address func(h *testHub) string) {
				h := newTestHub(t, fanout.Config{Engine: engine, OnHandshake: func(context.Context, *fanout.Handshake) (fanout.Identity, error) {
					return fanout.Identity{User: "nobody"}, c.err
				}})
				peer := dial(t, "tcp", address(h))
				peer.write([]byte(handshakeRequest), clientFrame(fin|opText, envelope("t", "", "1")))
				response := peer.response()
				expect(t, "status", response.StatusCode, c.status)
				st := h.hub.Stats()
				if c.code != 0 {
					_, reason := peer.closedWith(c.code)
					expect(t, "reason", reason, c.reason)
					expect(t, "closes with the code", h.hub.Stats().Closes[c.code], 1)
					expect(t, "handshakes", h.hub.Stats().Handshakes, 1)
				} else {
					body, _ := io.ReadAll(response.Body)
					if c.body != "" {
						expect(t, "body", string(body), c.body)
					}
					if strings.Contains(string(body), "secret") {
						t.Errorf("got the body %q, want no word of the error", body)
					}
					if c.header != "" {
						expect(t, c.header, response.Header.Get(c.header), c.value)
					}
					expect(t, "refusals by status", st.Refusals[c.status], 1)
				}
				expect(t, "logged", h.log.count("ERROR", "OnHandshake failed"), c.logged)
				peer.conn.Close()
				until(t, "the connection ends", func() bool { return h.hub.Stats().Connections == 0 })
				expect(t, "announced", len(h.connected), 0)
				expect(t, "told of the end", len(h.gone), 0)
				expect(t, "disconnected", h.hub.Stats().Disconnected, 0)
			})
		})
	}
}

func TestOnHandshakeMayNotGiveAnIdentityThatIsNone(t *testing.T) {
	for name, c := range map[string]struct {
		identity fanout.Identity
		status   int
	}{
		"a user of 257 bytes":          {fanout.Identity{User: strings.Repeat("x", 257)}, 500},
		"a user with a control":        {fanout.Identity{User: "a\nb"}, 500},
		"a user that is not UTF-8":     {fanout.Identity{User: "a\xff"}, 500},
		"one that has expired":         {fanout.Identity{User: "a", Expires: time.Now().Add(-time.Second)}, 401},
		"a user of 256 bytes":          {fanout.Identity{User: strings.Repeat("x", 256)}, 101},
		"one that expires in the next": {fanout.Identity{User: "a", Expires: time.Now().Add(time.Hour)}, 101},
	} {
		t.Run(name, func(t *testing.T) {
			eachServer(t, func(t *testing.T, engine fanout.Engine, address func(h *testHub) string) {
				h := newTestHub(t, fanout.Config{Engine: engine, OnHandshake: func(context.Context, *fanout.Handshake) (fanout.Identity, error) {
					return c.identity, nil
				}})
				peer := dial(t, "tcp", address(h))
				peer.write([]byte(handshakeRequest))
				expect(t, "status", peer.response().StatusCode, c.status)
				if c.status == http.StatusSwitchingProtocols {
					receive(t, h.connected, "OnConnection")
				}
			})
			h := newTestHub(t, fanout.Config{})
			here, there := pair(t, "tcp")
			defer here.Close()
			_, err := h.hub.AddConnection(there, fanout.AddOptions{Identity: c.identity})
			want := map[int]error{101: nil, 401: fanout.ErrIdentityExpired, 500: fanout.ErrInvalidIdentity}[c.status]
			if !errors.Is(err, want) {
				t.Errorf("got %v from AddConnection, want %v", err, want)
			}
			if want != nil {
				newClient(t, here).ended()
			}
		})
	}
}

func TestOnHandshakeThatFailsCostsOneClient(t *testing.T) {
	for name, c := range map[string]struct {
		hook   func()
		panics uint64
		entry  map[string]func(h *testHub) string
	}{
		"a panic":               {func() { panic("planted") }, 1, map[string]func(h *testHub) string{"Serve": (*testHub).serve, "ServeHTTP": (*testHub).serveHTTP}},
		"the goroutine's end":   {runtime.Goexit, 0, map[string]func(h *testHub) string{"Serve": (*testHub).serve}},
		"a panic with an error": {func() { panic(io.EOF) }, 1, map[string]func(h *testHub) string{"Serve": (*testHub).serve}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, address := range c.entry {
				h := newTestHub(t, fanout.Config{Workers: 1, OnHandshake: func(_ context.Context, hs *fanout.Handshake) (fanout.Identity, error) {
					if hs.Request.Header.Get("X-User") == "" {
						c.hook()
					}
					return fanout.Identity{}, nil
				}})
				at := address(h)
				peer := dial(t, "tcp", at)
				peer.write([]byte(handshakeRequest))
				expect(t, "status", peer.response().StatusCode, 500)
				expect(t, "panics", h.hub.Stats().Panics, c.panics)
				next := dial(t, "tcp", at)
				next.write(handshakeWith("X-User: ada"))
				next.accepted()
			}
		})
	}
}

// hanging is an OnHandshake that waits for its release, or for the end of ctx.
type hanging struct {
	began   chan context.Context
	release chan struct{}
}

func newHanging() *hanging {
	return &hanging{began: make(chan context.Context, 1<<10), release: make(chan struct{})}
}

// hang waits for the release, whatever becomes of ctx.
func (g *hanging) hang(ctx context.Context, hs *fanout.Handshake) (fanout.Identity, error) {
	if hs.Request.Header.Get("X-User") != "" {
		return fanout.Identity{User: hs.Request.Header.Get("X-User")}, nil
	}
	g.began <- ctx
	<-g.release
	return fanout.Identity{User: "late"}, nil
}

// heed waits for the release or the end of ctx.
func (g *hanging) heed(ctx context.Context, hs *fanout.Handshake) (fanout.Identity, error) {
	g.began <- ctx
	select {
	case <-g.release:
		return fanout.Identity{User: "patient"}, nil
	case <-ctx.Done():
		return fanout.Identity{}, ctx.Err()
	}
}

func TestOnHandshakeHasTheTimeOfTheHandshake(t *testing.T) {
	eachServer(t, func(t *testing.T, engine fanout.Engine, address func(h *testHub) string) {
		g := newHanging()
		h := newTestHub(t, fanout.Config{Engine: engine, HandshakeTimeout: 200 * time.Millisecond, OnHandshake: g.heed})
		peer := dial(t, "tcp", address(h))
		peer.write([]byte(handshakeRequest))
		response := peer.response()
		expect(t, "status", response.StatusCode, 503)
		expect(t, "when to come back", response.Header.Get("Retry-After"), "2")
		expect(t, "refusals", h.hub.Stats().Refusals[503], 1)
	})
}

func TestAnswerThatComesTooLateIsDropped(t *testing.T) {
	for name, end := range map[string]func(h *testHub, peer *client, served bool){
		"after its time": func(h *testHub, peer *client, served bool) {
			if served {
				expect(h.t, "status", peer.response().StatusCode, 503)
				peer.conn.Close()
			}
		},
		"after a FIN": func(h *testHub, peer *client, _ bool) { peer.conn.Close() },
		"after a RST": func(h *testHub, peer *client, _ bool) {
			_ = peer.conn.(*net.TCPConn).SetLinger(0)
			peer.conn.Close()
		},
		"after Shutdown": func(h *testHub, _ *client, _ bool) { go h.shutdown() },
	} {
		t.Run(name, func(t *testing.T) {
			eachServer(t, func(t *testing.T, engine fanout.Engine, address func(h *testHub) string) {
				g := newHanging()
				timeout := 10 * time.Second
				if name == "after its time" {
					timeout = 200 * time.Millisecond
				}
				h := newTestHub(t, fanout.Config{Engine: engine, HandshakeTimeout: timeout, OnHandshake: g.hang})
				at := address(h)
				peer := dial(t, "tcp", at)
				peer.write([]byte(handshakeRequest))
				ctx := receive(t, g.began, "OnHandshake")
				end(h, peer, strings.Contains(t.Name(), "/Serve/") || strings.HasSuffix(t.Name(), "/Serve"))
				receive(t, ctx.Done(), "the end of ctx")
				if name == "after its time" && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
					t.Errorf("got %v, want the deadline", ctx.Err())
				}
				close(g.release)
				until(t, "the connection ends", func() bool { return h.hub.Stats().Connections == 0 })
				h.shutdown()
				expect(t, "announced", len(h.connected), 0)
			})
		})
	}
}

func TestShutdownWaitsForOnHandshake(t *testing.T) {
	g := newHanging()
	h := newTestHub(t, fanout.Config{OnHandshake: g.hang})
	peer := dial(t, "tcp", h.serve())
	peer.write([]byte(handshakeRequest))
	ctx := receive(t, g.began, "OnHandshake")
	done := make(chan struct{})
	go func() { defer close(done); h.shutdown() }()
	expect(t, "status", peer.response().StatusCode, 503)
	receive(t, ctx.Done(), "the end of ctx")
	peer.conn.Close()
	until(t, "the connection ends", func() bool { return h.hub.Stats().Connections == 0 })
	select {
	case <-done:
		t.Error("got the end of Shutdown while OnHandshake runs, want it to wait")
	default:
	}
	close(g.release)
	receive(t, done, "the end of Shutdown")
}

func TestNothingIsLostThatCameBeforeTheAnswer(t *testing.T) {
	const events = 2000
	var behind []byte
	behind = append(behind, clientFrame(fin|opText, envelope("__subscribe", "1", `{"topic":"t"}`))...)
	for i := range events {
		behind = append(behind, clientFrame(fin|opText, envelope("t", "", fmt.Sprint(i)))...)
	}
	eachServer(t, func(t *testing.T, engine fanout.Engine, address func(h *testHub) string) {
		for name, cut := range map[string]int{"with the request": len(behind), "in part": 1000, "later": 0} {
			g := newHanging()
			h := newTestHub(t, fanout.Config{Engine: engine, OnHandshake: g.heed})
			heard := h.hear("t")
			c := dial(t, "tcp", address(h))
			c.write(append([]byte(handshakeRequest), behind[:cut]...))
			receive(t, g.began, "OnHandshake")
			sent := make(chan error, 1)
			go func() {
				_, err := c.conn.Write(behind[cut:])
				sent <- err
			}()
			if strings.Contains(t.Name(), "ServeHTTP") || cut < len(behind) {
				runtime.Gosched()
			} else {
				until(t, "what came is counted", func() bool { return h.hub.Stats().Memory.Handshakes > 16<<10 })
			}
			close(g.release)
			c.accepted()
			if err := receive(t, sent, "the end of sending"); err != nil {
				t.Fatal(err)
			}
			c.wants(ack("1", "t"))
			for i := range events {
				expect(t, name+": heard", receive(t, heard, "an event"), fmt.Sprintf("t  %d", i))
			}
			expect(t, "user", receive(t, h.connected, "OnConnection").Identity().User, "patient")
			expect(t, "memory of handshakes", h.hub.Stats().Memory.Handshakes, 0)
		}
	})
}

func TestInquiryQueueRunningNeverExceedsMaxInquiries(t *testing.T) {
	const workers, strangers = 4, 300
	g := newHanging()
	h := newTestHub(t, fanout.Config{Workers: workers, OnHandshake: g.hang, HandshakeTimeout: time.Minute})
	heard := h.hear("t")
	at := h.serve()
	c := dial(t, "tcp", at)
	c.write(handshakeWith("X-User: ada"))
	c.accepted()
	var hung []*client
	for range strangers {
		peer := dial(t, "tcp", at)
		peer.write([]byte(handshakeRequest))
		hung = append(hung, peer)
	}
	until(t, "all are in their handshake", func() bool { return h.hub.Stats().Connections == strangers+1 })
	for range workers / 2 {
		receive(t, g.began, "OnHandshake")
	}
	c.text(envelope("t", "", "1"))
	receive(t, heard, "an event of a spoke that is in")
	expect(t, "running beside it", len(g.began), 0)
	for _, peer := range hung[:strangers-10] {
		peer.conn.Close()
	}
	until(t, "those that are gone do not wait", func() bool { return h.hub.Stats().Connections == 11 })
	close(g.release)
	for _, peer := range hung[strangers-10:] {
		peer.accepted()
	}
	if asked := len(g.began) + workers/2; asked > 10+workers/2 {
		t.Errorf("got OnHandshake called %d times, want it not called for those that are gone", asked)
	}
}

func TestInquiriesWaitInOrder(t *testing.T) {
	g := newHanging()
	order := make(chan string, 100)
	h := newTestHub(t, fanout.Config{Workers: 1, OnHandshake: func(ctx context.Context, hs *fanout.Handshake) (fanout.Identity, error) {
		if user := hs.Request.Header.Get("X-User"); user != "" {
			order <- user
		}
		return g.hang(ctx, hs)
	}})
	at := h.serve()
	first := dial(t, "tcp", at)
	first.write([]byte(handshakeRequest))
	receive(t, g.began, "OnHandshake")
	for i := range 20 {
		peer := dial(t, "tcp", at)
		peer.write(handshakeWith(fmt.Sprintf("X-User: u%d", i)))
		until(t, "it waits", func() bool { return h.hub.Stats().Memory.Handshakes > uint64((i+2)*2048) })
	}
	close(g.release)
	for i := range 20 {
		expect(t, "asked", receive(t, order, "OnHandshake"), fmt.Sprintf("u%d", i))
	}
}

func TestHandshakesWithAHookCountUntilTheyAreDecided(t *testing.T) {
	g := newHanging()
	h := newTestHub(t, fanout.Config{OnHandshake: g.heed, MaxHandshakesPerAddress: 1})
	at := h.serve()
	first := dial(t, "tcp", at)
	first.write([]byte(handshakeRequest))
	receive(t, g.began, "OnHandshake")
	second := dial(t, "tcp", at)
	second.write([]byte(handshakeRequest))
	expect(t, "status of the second", second.response().StatusCode, 429)
	close(g.release)
	first.accepted()
	third := dial(t, "tcp", at)
	third.handshake()
	h.hub.DispatchEvent(event.Event{Type: "t"})
}

func TestOnHandshakeSeesTheStateOfTLS(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, OnHandshake: named})
		certificates, roots := certificates(t)
		secured := httptest.NewUnstartedServer(h.hub)
		secured.TLS = &tls.Config{Certificates: certificates}
		secured.StartTLS()
		t.Cleanup(secured.Close)
		served := h.serveOn(tls.NewListener(listenTCP(t), &tls.Config{Certificates: certificates}))
		for _, address := range []string{served, secured.Listener.Addr().String()} {
			dialTLS(t, address, roots).handshake()
			hs := receive(t, h.connected, "OnConnection").Identity().Value.(*fanout.Handshake)
			if hs.Request.TLS == nil || !hs.Request.TLS.HandshakeComplete || hs.Request.TLS.ServerName != "example.com" {
				t.Errorf("got the TLS state %+v, want that of a complete handshake with example.com", hs.Request.TLS)
			}
			expect(t, "local address", hs.LocalAddr.String(), address)
		}
	})
}

func TestOnHandshakeIsNotAskedAboutWhoIsRefusedAnyway(t *testing.T) {
	for name, c := range map[string]struct {
		cfg     fanout.Config
		request string
		status  int
	}{
		"a foreign origin":             {fanout.Config{}, string(handshakeWith("Origin: https://evil.example")), 403},
		"no handshake":                 {fanout.Config{}, "GET /ws HTTP/1.1\r\nHost: hub.test\r\n\r\n", 426},
		"a name that is not the hub's": {fanout.Config{Hosts: []string{"other.test"}}, handshakeRequest, 421},
	} {
		t.Run(name, func(t *testing.T) {
			eachServer(t, func(t *testing.T, engine fanout.Engine, address func(h *testHub) string) {
				var asked atomic.Int64
				cfg := c.cfg
				cfg.Engine = engine
				cfg.OnHandshake = func(context.Context, *fanout.Handshake) (fanout.Identity, error) {
					asked.Add(1)
					return fanout.Identity{}, nil
				}
				h := newTestHub(t, cfg)
				peer := dial(t, "tcp", address(h))
				peer.write([]byte(c.request))
				expect(t, "status", peer.response().StatusCode, c.status)
				expect(t, "asked", asked.Load(), 0)
			})
		})
	}
}

func TestAFullHubDoesNotAskAboutFurtherClients(t *testing.T) {
	g := newHanging()
	h := newTestHub(t, fanout.Config{OnHandshake: g.heed, MaxConnections: 1})
	at := h.serve()
	first := dial(t, "tcp", at)
	first.write([]byte(handshakeRequest))
	receive(t, g.began, "OnHandshake")
	second := dial(t, "tcp", at)
	second.write([]byte(handshakeRequest))
	expect(t, "status", second.response().StatusCode, 503)
	expect(t, "asked", len(g.began), 0)
	close(g.release)
	first.accepted()
}

func TestHandshakesThatWaitAreRefusedForTheBudget(t *testing.T) {
	const strangers = 200
	g := newHanging()
	h := newTestHub(t, fanout.Config{OnHandshake: g.heed, Reactors: 1, Workers: 2, MemoryBudget: 1 << 20})
	at := h.serve()
	request := append(handshakeWith("Cookie: a="+strings.Repeat("x", 8<<10)), make([]byte, 8<<10)...)
	var waiting []*client
	for range strangers {
		peer := dial(t, "tcp", at)
		peer.write(request)
		waiting = append(waiting, peer)
	}
	until(t, "some are refused", func() bool { return h.hub.Stats().Refusals[503] > 0 })
	until(t, "the rest fits", func() bool { return h.hub.Stats().Memory.Handshakes <= 1<<20 })
	for _, peer := range waiting {
		peer.conn.Close()
	}
}
