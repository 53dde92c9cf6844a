package fanout_test

import (
	"crypto/tls"
	"crypto/x509"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gorilla/websocket"

	"github.com/spokehub/spokehub/fanout"
)

// entry is one way for a connection into a hub.
type entry struct {
	name string
	dial func(h *testHub) *client
}

// entries are all of them. Each client that they return has its handshake done and its spoke announced.
var entries = []entry{
	{"Serve over TCP", func(h *testHub) *client { return dial(h.t, "tcp", h.serve()).handshake() }},
	{"Serve over a Unix socket", func(h *testHub) *client {
		l, err := net.Listen("unix", h.t.TempDir()+"/s")
		if err != nil {
			h.t.Fatal(err)
		}
		return dial(h.t, "unix", h.serveOn(l)).handshake()
	}},
	{"Serve with Config.TLS", func(h *testHub) *client { return dialServedTLS(h, tls.VersionTLS13) }},
	{"Serve with Config.TLS, version 1.2", func(h *testHub) *client { return dialServedTLS(h, tls.VersionTLS12) }},
	{"Serve over a listener of TLS", func(h *testHub) *client {
		certificates, roots := certificates(h.t)
		l := tls.NewListener(listenTCP(h.t), &tls.Config{Certificates: certificates})
		return dialTLS(h.t, h.serveOn(l), roots).handshake()
	}},
	{"ServeHTTP under net/http", func(h *testHub) *client {
		server := httptest.NewServer(h.hub)
		h.t.Cleanup(server.Close)
		return dial(h.t, "tcp", server.Listener.Addr().String()).handshake()
	}},
	{"ServeHTTP under TLS", func(h *testHub) *client {
		server := httptest.NewTLSServer(h.hub)
		h.t.Cleanup(server.Close)
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		return dialTLS(h.t, server.Listener.Addr().String(), roots).handshake()
	}},
	{"AddConnection of TCP", func(h *testHub) *client { return added(h, "tcp") }},
	{"AddConnection of a Unix socket", func(h *testHub) *client { return added(h, "unix") }},
	{"AddConnection of a pipe", func(h *testHub) *client { return added(h, "pipe") }},
	{"AddConnection of what gobwas/ws upgraded", func(h *testHub) *client {
		return upgraded(h, func(w http.ResponseWriter, q *http.Request) (net.Conn, error) {
			conn, _, _, err := ws.UpgradeHTTP(q, w)
			return conn, err
		})
	}},
	{"AddConnection of what gorilla/websocket upgraded", func(h *testHub) *client {
		var upgrader websocket.Upgrader
		return upgraded(h, func(w http.ResponseWriter, q *http.Request) (net.Conn, error) {
			conn, err := upgrader.Upgrade(w, q, nil)
			if err != nil {
				return nil, err
			}
			return conn.NetConn(), nil
		})
	}},
}

func added(h *testHub, network string) *client {
	here, there := pair(h.t, network)
	c := newClient(h.t, here)
	if _, err := h.hub.AddConnection(there); err != nil {
		h.t.Fatalf("add connection: %v", err)
	}
	return c
}

func upgraded(h *testHub, upgrade func(http.ResponseWriter, *http.Request) (net.Conn, error)) *client {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		conn, err := upgrade(w, q)
		if err != nil {
			h.t.Errorf("upgrade: %v", err)
			return
		}
		if _, err := h.hub.AddConnection(conn); err != nil {
			h.t.Errorf("add connection: %v", err)
		}
	}))
	h.t.Cleanup(server.Close)
	return dial(h.t, "tcp", server.Listener.Addr().String()).handshake()
}

func certificates(t testing.TB) ([]tls.Certificate, *x509.CertPool) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.TLS.Certificates, roots
}

// dialServedTLS dials a listener on which the hub itself speaks TLS.
func dialServedTLS(h *testHub, version uint16) *client {
	certificates, roots := certificates(h.t)
	address := h.serveWith(listenTCP(h.t), fanout.ListenerOptions{TLS: &tls.Config{Certificates: certificates}})
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "example.com", MaxVersion: version})
	if err != nil {
		h.t.Fatalf("dial: %v", err)
	}
	return newClient(h.t, conn).handshake()
}

func dialTLS(t testing.TB, address string, roots *x509.CertPool) *client {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "example.com"})
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	return newClient(t, conn)
}

func eachEntry(t *testing.T, cfg func(fanout.Engine) fanout.Config, f func(t *testing.T, h *testHub, c *client)) {
	t.Helper()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		for _, e := range entriesFor(t.Name()) {
			t.Run(e.name, func(t *testing.T) { e.run(t, cfg(engine), engine, f) })
		}
	})
}

// entriesFor are the entries that a test is run with: all of them, or with ENTRIES=some a sixth, which the name chooses. So it is with the race detector, which has
// seen every way of each entry then in some of the tests, and every test with each engine.
func entriesFor(name string) []entry {
	if os.Getenv("ENTRIES") != "some" {
		return entries
	}
	const shares = 6
	h := fnv.New32a()
	io.WriteString(h, name)
	var some []entry
	for i := int(h.Sum32() % shares); i < len(entries); i += shares {
		some = append(some, entries[i])
	}
	return some
}

// eachEntryAtOnce is eachEntry for a test that mostly waits.
func eachEntryAtOnce(t *testing.T, cfg func(fanout.Engine) fanout.Config, f func(t *testing.T, h *testHub, c *client)) {
	t.Helper()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		cases := make(map[string]entry)
		for _, e := range entriesFor(t.Name()) {
			cases[e.name] = e
		}
		atOnce(t, cases, func(t *testing.T, e entry) { e.run(t, cfg(engine), engine, f) })
	})
}

func (e entry) run(t *testing.T, cfg fanout.Config, engine fanout.Engine, f func(t *testing.T, h *testHub, c *client)) {
	t.Helper()
	cfg.Engine = engine
	h := newTestHub(t, cfg)
	f(t, h, e.dial(h))
}

func plain(fanout.Engine) fanout.Config { return fanout.Config{} }
