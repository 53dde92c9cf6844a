package fanout_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gorilla/websocket"

	"github.com/spokehub/spokehub/fanout"
)

// entry is one way for a connection into a hub.
type entry struct {
	name string
	dial func(r *rig) *client
}

// entries are all of them. Each client that they return has its handshake done and its spoke announced.
var entries = []entry{
	{"Serve over TCP", func(r *rig) *client { return dial(r.t, "tcp", r.serve()).handshake() }},
	{"Serve over a Unix socket", func(r *rig) *client {
		l, err := net.Listen("unix", r.t.TempDir()+"/s")
		if err != nil {
			r.t.Fatal(err)
		}
		return dial(r.t, "unix", r.serveOn(l)).handshake()
	}},
	{"Serve over TLS", func(r *rig) *client {
		certificates, roots := certificates(r.t)
		l := tls.NewListener(listenTCP(r.t), &tls.Config{Certificates: certificates})
		return dialTLS(r.t, r.serveOn(l), roots).handshake()
	}},
	{"ServeHTTP under net/http", func(r *rig) *client {
		server := httptest.NewServer(r.hub)
		r.t.Cleanup(server.Close)
		return dial(r.t, "tcp", server.Listener.Addr().String()).handshake()
	}},
	{"ServeHTTP under TLS", func(r *rig) *client {
		server := httptest.NewTLSServer(r.hub)
		r.t.Cleanup(server.Close)
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		return dialTLS(r.t, server.Listener.Addr().String(), roots).handshake()
	}},
	{"AddConnection of TCP", func(r *rig) *client { return added(r, "tcp") }},
	{"AddConnection of a Unix socket", func(r *rig) *client { return added(r, "unix") }},
	{"AddConnection of a pipe", func(r *rig) *client { return added(r, "pipe") }},
	{"AddConnection of what gobwas/ws upgraded", func(r *rig) *client {
		return upgraded(r, func(w http.ResponseWriter, q *http.Request) (net.Conn, error) {
			conn, _, _, err := ws.UpgradeHTTP(q, w)
			return conn, err
		})
	}},
	{"AddConnection of what gorilla/websocket upgraded", func(r *rig) *client {
		var upgrader websocket.Upgrader
		return upgraded(r, func(w http.ResponseWriter, q *http.Request) (net.Conn, error) {
			conn, err := upgrader.Upgrade(w, q, nil)
			if err != nil {
				return nil, err
			}
			return conn.NetConn(), nil
		})
	}},
}

func added(r *rig, network string) *client {
	here, there := pair(r.t, network)
	c := newClient(r.t, here)
	if _, err := r.hub.AddConnection(there); err != nil {
		r.t.Fatalf("add connection: %v", err)
	}
	return c
}

func upgraded(r *rig, upgrade func(http.ResponseWriter, *http.Request) (net.Conn, error)) *client {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		conn, err := upgrade(w, q)
		if err != nil {
			r.t.Errorf("upgrade: %v", err)
			return
		}
		if _, err := r.hub.AddConnection(conn); err != nil {
			r.t.Errorf("add connection: %v", err)
		}
	}))
	r.t.Cleanup(server.Close)
	return dial(r.t, "tcp", server.Listener.Addr().String()).handshake()
}

func certificates(t testing.TB) ([]tls.Certificate, *x509.CertPool) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.TLS.Certificates, roots
}

func dialTLS(t testing.TB, address string, roots *x509.CertPool) *client {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "example.com"})
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	return newClient(t, conn)
}

func eachEntry(t *testing.T, cfg func(fanout.Engine) fanout.Config, f func(t *testing.T, r *rig, c *client)) {
	t.Helper()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		for _, e := range entries {
			t.Run(e.name, func(t *testing.T) {
				c := cfg(engine)
				c.Engine = engine
				r := newRig(t, c)
				f(t, r, e.dial(r))
			})
		}
	})
}

func plain(fanout.Engine) fanout.Config { return fanout.Config{} }
