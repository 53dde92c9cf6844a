package fanout_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// askBehind sends a header of the PROXY protocol and a handshake, a byte at a time or in one piece.
func askBehind(t testing.TB, address, header string, isSplit bool, fields ...string) *client {
	t.Helper()
	c := dial(t, "tcp", address)
	text := []byte(header + handshakeHead + strings.Join(append(fields, ""), "\r\n") + "\r\n")
	if !isSplit {
		c.write(text)
		return c
	}
	for i := range text {
		c.write(text[i : i+1])
	}
	return c
}

const binaryStart = "\r\n\r\n\x00\r\nQUIT\n"

func (h *testHub) serveProxies(l net.Listener) string {
	done := make(chan error, 1)
	go func() { done <- h.hub.ServeListener(l, fanout.ListenerOptions{ProxyProtocol: true}) }()
	h.t.Cleanup(func() {
		h.cut()
		if err := receive(h.t, done, "the end of ServeListener"); !errors.Is(err, fanout.ErrClosed) {
			h.t.Errorf("got %v from ServeListener, want ErrClosed", err)
		}
	})
	return l.Addr().String()
}

func TestTheProxyProtocolTellsTheClient(t *testing.T) {
	for name, c := range map[string]struct {
		proxies []netip.Prefix
		header  string
		fields  []string
		want    string
	}{
		"version 1":                               {localProxies(), "PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\n", nil, "192.0.2.1:4711"},
		"version 2":                               {localProxies(), binaryStart + "\x21\x11\x00\x0c\xc0\x00\x02\x01\x0a\x00\x00\x01\x12\x67\x01\xbb", nil, "192.0.2.1:4711"},
		"any peer where no proxies are known":     {nil, "PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\n", nil, "192.0.2.1:4711"},
		"nothing with an unspecified address":     {localProxies(), "PROXY TCP6 :: ::1 0 443\r\n", nil, "127.0.0.1"},
		"nothing in version 1":                    {localProxies(), "PROXY UNKNOWN\r\n", nil, "127.0.0.1"},
		"nothing for a health check":              {localProxies(), binaryStart + "\x20\x00\x00\x00", nil, "127.0.0.1"},
		"nothing for one of an unknown proxy":     {nil, binaryStart + "\x20\x00\x00\x00", nil, "127.0.0.1"},
		"and it is not believed what it tells":    {localProxies(), "PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\n", []string{"X-Forwarded-For: 198.51.100.1"}, "192.0.2.1:4711"},
		"unless it is a trusted proxy":            {localProxies(), "PROXY TCP4 10.9.9.9 10.0.0.1 4711 443\r\n", []string{"X-Forwarded-For: 198.51.100.1"}, "198.51.100.1:0"},
		"and a proxy nobody knows tells no more":  {nil, "PROXY TCP4 10.9.9.9 10.0.0.1 4711 443\r\n", []string{"X-Forwarded-For: 198.51.100.1"}, "10.9.9.9:4711"},
		"IPv4 addresses that are mapped to IPv6 ": {localProxies(), "PROXY TCP6 ::ffff:192.0.2.1 ::1 4711 443\r\n", nil, "192.0.2.1:4711"},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := newTestHub(t, fanout.Config{TrustedProxies: c.proxies, Engine: engine, MaxConnectionsPerAddress: 2})
				address := h.serveProxies(listenTCP(t))
				for _, isSplit := range []bool{false, true} {
					askBehind(t, address, c.header, isSplit, c.fields...).accepted()
					if got := receive(t, h.connected, "the spoke").RemoteAddr().String(); got != c.want && !strings.HasPrefix(got, c.want+":") {
						t.Errorf("split %v: got %s, want %s", isSplit, got, c.want)
					}
				}
				expect(t, "a third one's status", askBehind(t, address, c.header, false, c.fields...).response().StatusCode, 429)
				expect(t, "refused headers", h.hub.Stats().ProxyHeadersRefused, 0)
			})
		})
	}
}

func TestConnectionsWithoutAProperProxyHeaderAreRefused(t *testing.T) {
	t.Parallel()
	elsewhere := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for name, c := range map[string]struct {
		proxies []netip.Prefix
		input   string
		status  int
	}{
		"a request without it":             {localProxies(), handshakeRequest, 400},
		"a malformed one":                  {localProxies(), "PROXY TCP4 192.0.2.1\r\n" + handshakeRequest, 400},
		"garbage":                          {localProxies(), strings.Repeat("\x07", 16<<10), 400},
		"one that never ends":              {localProxies(), "PROXY TCP4 " + strings.Repeat("1", 16<<10), 400},
		"one that announces too much":      {localProxies(), binaryStart + "\x21\x11\xff\xff", 400},
		"a right one of an untrusted peer": {elsewhere, "PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\n" + handshakeRequest, 403},
		"half of one that then stalls":     {localProxies(), "PROXY TCP4 192.0", 408},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := newTestHub(t, fanout.Config{TrustedProxies: c.proxies, Engine: engine, FirstByteTimeout: 500 * time.Millisecond})
				l := listenTCP(t)
				peer := dial(t, "tcp", l.Addr().String())
				peer.write([]byte(c.input))
				h.serveProxies(l)
				expect(t, "status", peer.response().StatusCode, c.status)
				peer.conn.Close()
				until(t, "the connection has gone", func() bool { return h.hub.Stats().Connections == 0 })
				st := h.hub.Stats()
				expect(t, "refused headers", st.ProxyHeadersRefused, 1)
				expect(t, "refused by status", st.Refusals[c.status], 1)
				expect(t, "lines", h.log.count("INFO", "handshake refused"), 1)
			})
		})
	}
}

func TestAConnectionThatEndsInsideItsProxyHeaderLeavesNothing(t *testing.T) {
	h := newTestHub(t, fanout.Config{TrustedProxies: localProxies()})
	address := h.serveProxies(listenTCP(t))
	for n := range 8 {
		peer := dial(t, "tcp", address)
		peer.write([]byte("PROXY TCP4 192.0.2.1 10"[:n*3]))
		_ = peer.conn.(*net.TCPConn).SetLinger(0)
		peer.conn.Close()
	}
	until(t, "all have come and gone", func() bool {
		st := h.hub.Stats()
		return st.Accepted == 8 && st.Connections == 0
	})
}

func TestTheFallbackSeesTheClientOfTheProxyProtocol(t *testing.T) {
	h := newTestHub(t, fanout.Config{TrustedProxies: localProxies(),
		Fallback: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) })})
	c := dial(t, "tcp", h.serveProxies(listenTCP(t)))
	c.write([]byte("PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\nGET / HTTP/1.1\r\nHost: hub.test\r\n\r\n"))
	response := c.response()
	body, _ := io.ReadAll(response.Body)
	expect(t, "address", string(body), "192.0.2.1:4711")
	c.write([]byte(handshakeRequest))
	c.accepted()
	expect(t, "the spoke's address", receive(t, h.connected, "the spoke").RemoteAddr().String(), "192.0.2.1:4711")
}
