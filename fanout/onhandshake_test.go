package fanout_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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

func TestOnHandshakeKnowsWhetherTheOriginWasChecked(t *testing.T) {
	for origin, want := range map[string]bool{"*": true, "https://a.example": false, "": false} {
		eachServer(t, func(t *testing.T, engine fanout.Engine, address func(h *testHub) string) {
			cfg := fanout.Config{Engine: engine, OnHandshake: named}
			if origin != "" {
				cfg.Origins = []string{origin}
			}
			h := newTestHub(t, cfg)
			dial(t, "tcp", address(h)).handshake()
			expect(t, "any origin with "+origin, receive(t, h.connected, "OnConnection").Identity().Value.(*fanout.Handshake).AnyOrigin, want)
		})
	}
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
	t.Parallel()
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

func TestOnHandshakeThatHeedsNoContextKeepsNoClient(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	hook := func(context.Context, *fanout.Handshake) (fanout.Identity, error) {
		<-over
		return fanout.Identity{}, nil
	}
	eachWayIn(t, fanout.Config{OnHandshake: hook, HandshakeTimeout: time.Second}, func(t *testing.T, h *testHub, address string) {
		t.Cleanup(func() { over <- struct{}{} })
		peer := dial(t, "tcp", address)
		peer.write([]byte(handshakeRequest))
		expect(t, "status", peer.response().StatusCode, 503)
		peer.conn.Close()
	})
}

func TestLateHooksOfServeHTTPAreBounded(t *testing.T) {
	t.Parallel()
	asked, over := make(chan struct{}, 10), make(chan struct{})
	h := newTestHub(t, fanout.Config{
		Workers:          2,
		HandshakeTimeout: time.Second,
		OnHandshake: func(context.Context, *fanout.Handshake) (fanout.Identity, error) {
			asked <- struct{}{}
			<-over
			return fanout.Identity{}, nil
		},
	})
	address := h.serveHTTP()
	status := func() int {
		peer := dial(t, "tcp", address)
		defer peer.conn.Close()
		peer.write([]byte(handshakeRequest))
		return peer.response().StatusCode
	}
	for range 3 {
		expect(t, "status", status(), 503)
	}
	expect(t, "hooks under way", len(asked), 1)
	close(over)
	until(t, "clients are let in", func() bool { return status() == 101 })
}

func TestOnHandshakeThatFailsCostsOneClient(t *testing.T) {
	for name, c := range map[string]struct {
		hook   func()
		panics uint64
		entry  map[string]func(h *testHub) string
	}{
		"a panic":               {func() { panic("planted") }, 1, map[string]func(h *testHub) string{"Serve": (*testHub).serve, "ServeHTTP": (*testHub).serveHTTP}},
		"the goroutine's end":   {runtime.Goexit, 0, map[string]func(h *testHub) string{"Serve": (*testHub).serve, "ServeHTTP": (*testHub).serveHTTP}},
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
	t.Parallel()
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
