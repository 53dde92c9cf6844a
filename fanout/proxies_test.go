package fanout_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/fanout"
)

// localProxies are the networks of the peers of these tests.
func localProxies() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("10.0.0.0/8")}
}

// eachWayIn runs a test with a hub behind Serve and one behind ServeHTTP.
func eachWayIn(t *testing.T, cfg fanout.Config, test func(t *testing.T, h *testHub, address string)) {
	t.Run("Serve", func(t *testing.T) {
		h := newTestHub(t, cfg)
		test(t, h, h.serve())
	})
	t.Run("ServeHTTP", func(t *testing.T) {
		h := newTestHub(t, cfg)
		server := httptest.NewServer(h.hub)
		t.Cleanup(server.Close)
		test(t, h, server.Listener.Addr().String())
	})
}

// ask sends a handshake with further header fields.
func ask(t testing.TB, address string, fields ...string) *client {
	t.Helper()
	c := dial(t, "tcp", address)
	c.write([]byte(handshakeHead + strings.Join(append(fields, ""), "\r\n") + "\r\n"))
	return c
}

func TestWhoIsBehindAProxy(t *testing.T) {
	for name, c := range map[string]struct {
		proxies []netip.Prefix
		fields  []string
		want    string
	}{
		"a trusted proxy's client":                  {localProxies(), []string{"X-Forwarded-For: 198.51.100.9, 192.0.2.1, 10.0.0.7"}, "192.0.2.1:0"},
		"it over several lines":                     {localProxies(), []string{"x-forwarded-for: 198.51.100.9", "X-FORWARDED-FOR: 192.0.2.1"}, "192.0.2.1:0"},
		"it in the standard field":                  {localProxies(), []string{`Forwarded: for="[2001:db8::1]:4711";proto=https`}, "[2001:db8::1]:4711"},
		"a proxy that tells nothing is the client":  {localProxies(), nil, "127.0.0.1"},
		"one that tells rubbish, too":               {localProxies(), []string{"X-Forwarded-For: rubbish"}, "127.0.0.1"},
		"one with contradictions, too":              {localProxies(), []string{"X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.2"}, "127.0.0.1"},
		"nobody believes what a stranger tells":     {[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []string{"X-Forwarded-For: 192.0.2.1"}, "127.0.0.1"},
		"nor anything if no proxies are configured": {nil, []string{"X-Forwarded-For: 192.0.2.1"}, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			eachWayIn(t, fanout.Config{TrustedProxies: c.proxies}, func(t *testing.T, h *testHub, address string) {
				ask(t, address, c.fields...).accepted()
				s := receive(t, h.connected, "the spoke")
				if got := s.RemoteAddr().String(); got != c.want && !strings.HasPrefix(got, c.want+":") {
					t.Errorf("got %s, want %s", got, c.want)
				}
				wantIgnored := uint64(0)
				if strings.Contains(name, "one ") {
					wantIgnored = 1
				}
				expect(t, "ignored", h.hub.Stats().ForwardedIgnored, wantIgnored)
			})
		})
	}
}

func TestTheHostThatAProxyTellsIsTheOneOfTheOrigin(t *testing.T) {
	for name, c := range map[string]struct {
		fields []string
		status int
	}{
		"the host of the page":            {[]string{"Origin: https://app.example", "X-Forwarded-Host: app.example"}, 101},
		"it in the standard field":        {[]string{"Origin: https://app.example", "Forwarded: for=192.0.2.1;host=app.example;proto=https"}, 101},
		"another host":                    {[]string{"Origin: https://app.example", "X-Forwarded-Host: other.example"}, 403},
		"none, and the Host of a backend": {[]string{"Origin: https://app.example"}, 403},
		"a page over TLS":                 {[]string{"Origin: https://app.example", "X-Forwarded-Host: app.example", "X-Forwarded-Proto: https"}, 101},
		"a page without TLS":              {[]string{"Origin: http://app.example", "X-Forwarded-Host: app.example", "X-Forwarded-Proto: https"}, 403},
		"TLS that ended further out":      {[]string{"Origin: https://app.example", "X-Forwarded-Host: app.example", "X-Forwarded-Proto: http"}, 101},
		"no word of TLS":                  {[]string{"Origin: http://app.example", "X-Forwarded-Host: app.example"}, 101},
	} {
		t.Run(name, func(t *testing.T) {
			eachWayIn(t, fanout.Config{TrustedProxies: localProxies()}, func(t *testing.T, h *testHub, address string) {
				expect(t, "status", ask(t, address, c.fields...).response().StatusCode, c.status)
				if c.status == http.StatusSwitchingProtocols {
					receive(t, h.connected, "the spoke")
				}
			})
		})
	}
}

func TestLimitsByAddressCountTheClientBehindAProxy(t *testing.T) {
	cfg := fanout.Config{TrustedProxies: localProxies(), MaxConnectionsPerAddress: 1, MaxHandshakesPerAddress: 1}
	eachWayIn(t, cfg, func(t *testing.T, h *testHub, address string) {
		first := ask(t, address, "X-Forwarded-For: 192.0.2.1")
		first.accepted()
		ask(t, address, "X-Forwarded-For: 192.0.2.2").accepted()
		expect(t, "a second one's status", ask(t, address, "X-Forwarded-For: 198.51.100.1, 192.0.2.1").response().StatusCode, 429)
		first.conn.Close()
		until(t, "the first has gone", func() bool { return h.hub.Stats().Disconnected == 1 })
		ask(t, address, "X-Forwarded-For: 192.0.2.1").accepted()
		expect(t, "one more's status", ask(t, address, "X-Forwarded-For: 192.0.2.1").response().StatusCode, 429)
	})
}

func TestANetworkOfIPv6BehindAProxyIsOneClient(t *testing.T) {
	eachWayIn(t, fanout.Config{TrustedProxies: localProxies(), MaxConnectionsPerAddress: 1}, func(t *testing.T, h *testHub, address string) {
		ask(t, address, "X-Forwarded-For: 2001:db8:0:1::1").accepted()
		receive(t, h.connected, "the first")
		expect(t, "another address of its /64", ask(t, address, "X-Forwarded-For: 2001:db8:0:1:ffff::2").response().StatusCode, 429)
		ask(t, address, `Forwarded: for="[2001:db8:0:2::1]:4711"`).accepted()
	})
}

func TestAProxyOnAUnixSocketIsTrusted(t *testing.T) {
	for _, engine := range []fanout.Engine{fanout.EngineDefault, fanout.EngineGoroutine} {
		t.Run(engine.String(), func(t *testing.T) {
			h := newTestHub(t, fanout.Config{TrustedProxies: localProxies(), Engine: engine})
			path := filepath.Join(t.TempDir(), "hub")
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			h.serveOn(l)
			c := dial(t, "unix", path)
			c.write([]byte(handshakeHead + "X-Forwarded-For: 192.0.2.1\r\n\r\n"))
			c.accepted()
			expect(t, "address", receive(t, h.connected, "the spoke").RemoteAddr().String(), "192.0.2.1:0")
		})
	}
}

func TestTheFallbackSeesTheClientBehindAProxy(t *testing.T) {
	seen := make(chan string, 1)
	h := newTestHub(t, fanout.Config{TrustedProxies: localProxies(), MaxConnectionsPerAddress: 1,
		Fallback: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.RemoteAddr + " " + r.Host })})
	address := h.serve()
	for range 3 {
		c := dial(t, "tcp", address)
		c.write([]byte("GET / HTTP/1.1\r\nHost: hub.test\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: app.example\r\n\r\n"))
		expect(t, "request", receive(t, seen, "the request"), "192.0.2.1:0 app.example")
	}
}

func TestOnHandshakeSeesTheClientBehindAProxy(t *testing.T) {
	seen := make(chan string, 1)
	cfg := fanout.Config{TrustedProxies: localProxies(),
		OnHandshake: func(_ context.Context, hs *fanout.Handshake) (fanout.Identity, error) {
			seen <- hs.RemoteAddr.String() + " " + hs.Request.RemoteAddr + " " + hs.Request.Host + " " + hs.Request.URL.Scheme
			return fanout.Identity{}, &fanout.Refusal{Status: http.StatusForbidden, Reason: "not you"}
		}}
	eachWayIn(t, cfg, func(t *testing.T, h *testHub, address string) {
		peer := ask(t, address, "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: app.example", "X-Forwarded-Proto: https", "Origin: https://app.example")
		expect(t, "status", peer.response().StatusCode, http.StatusForbidden)
		expect(t, "handshake", receive(t, seen, "the handshake"), "192.0.2.1:0 192.0.2.1:0 app.example https")
		until(t, "the refusal is logged", func() bool { return h.log.count("INFO", "handshake refused") == 1 })
		line := h.log.find("handshake refused")
		for _, part := range []string{"address=192.0.2.1:0", "origin=https://app.example", "host=app.example", "path=/ws", "status=403", `reason="not you"`} {
			if !strings.Contains(line, part) {
				t.Errorf("got the line %s, want %s in it", line, part)
			}
		}
	})
}
