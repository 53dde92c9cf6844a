package fanout_test

import (
	"crypto/tls"
	"net"
	"testing"

	"github.com/spokehub/spokehub/fanout"
)

// rawConnection is what a type assertion finds on the connection that callbacks get.
type rawConnection interface {
	net.Conn
	NetConn() net.Conn
	ConnectionState() tls.ConnectionState
}

func TestTheRawConnectionHandsOutNothingThatTheHubOwns(t *testing.T) {
	t.Parallel()
	eachEntry(t, plain, func(t *testing.T, h *testHub, _ *client) {
		spoke := receive(t, h.connected, "OnConnection")
		raw := spoke.Conn().(rawConnection)
		if conn := raw.NetConn(); conn != nil {
			t.Errorf("got the connection %T while the hub owns it, want none", conn)
		}
		live, err := h.hub.RemoveConnection(raw)
		if err != nil {
			t.Fatalf("remove connection: %v", err)
		}
		defer live.Close()
		expect(t, "connection after the removal", raw.NetConn(), live)
	})
}

func TestTheRawConnectionTellsTheTLSState(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		certificates, roots := certificates(t)
		dialTLS(t, h.serveOn(tls.NewListener(listenTCP(t), &tls.Config{Certificates: certificates})), roots).handshake().sync()
		served := receive(t, h.connected, "OnConnection").Conn().(rawConnection)
		expect(t, "handshake of a served connection complete", served.ConnectionState().HandshakeComplete, true)

		here, there := net.Pipe()
		secure := tls.Client(here, &tls.Config{RootCAs: roots, ServerName: "example.com"})
		c := newClient(t, secure)
		if _, err := h.hub.AddConnection(tls.Server(there, &tls.Config{Certificates: certificates})); err != nil {
			t.Fatalf("add connection: %v", err)
		}
		c.sync()
		added := receive(t, h.connected, "OnConnection").Conn().(rawConnection)
		expect(t, "server name of an added connection", added.ConnectionState().ServerName, "example.com")

		h.join()
		plain := receive(t, h.connected, "OnConnection").Conn().(rawConnection)
		expect(t, "handshake of a connection without TLS complete", plain.ConnectionState().HandshakeComplete, false)
	})
}
