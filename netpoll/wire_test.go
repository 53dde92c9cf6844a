package netpoll

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"path/filepath"
	"sync"
	"testing"
)

// wire makes pairs of connected net.Conns.
type wire struct {
	name  string
	half  bool
	taken bool
	pair  func(t testing.TB) (ours, peer net.Conn)
}

var wires = []wire{
	{"tcp", true, true, tcpPair},
	{"unix", true, true, unixPair},
	{"pipe", false, false, func(testing.TB) (net.Conn, net.Conn) { return net.Pipe() }},
	{"tls", true, true, func(t testing.TB) (net.Conn, net.Conn) { return tlsPair(t, tls.VersionTLS13, newStream) }},
	{"tls1.2", true, true, func(t testing.TB) (net.Conn, net.Conn) { return tlsPair(t, tls.VersionTLS12, newStream) }},
	{"foreign-tls", true, false, func(t testing.TB) (net.Conn, net.Conn) { return tlsPair(t, tls.VersionTLS13, tls.Server) }},
}

// newStream makes what Released.Conn makes of a connection of TLS, before its handshake.
func newStream(raw net.Conn, config *tls.Config) *tls.Conn {
	t := &tlsSession{raw: raw}
	t.conn = tls.Server(t, config)
	return t.conn
}

// serverConfig is for a server whose clients don't verify it.
func serverConfig(t testing.TB) *tls.Config {
	t.Helper()
	c, err := certificate()
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{c}, SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true}
}

func listenerPair(t testing.TB, network, address string) (ours, peer net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer, dialErr := net.Dial(network, l.Addr().String())
	if dialErr != nil {
		t.Fatal(dialErr)
	}
	ours, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return ours, peer
}

func tcpPair(t testing.TB) (ours, peer net.Conn) { return listenerPair(t, "tcp", "127.0.0.1:0") }

func unixPair(t testing.TB) (ours, peer net.Conn) {
	return listenerPair(t, "unix", filepath.Join(t.TempDir(), "s"))
}

var certificate = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
})

func tlsPair(t testing.TB, version uint16, serve func(net.Conn, *tls.Config) *tls.Conn) (ours, peer net.Conn) {
	t.Helper()
	plainOurs, plainPeer := tcpPair(t)
	server := serve(plainOurs, serverConfig(t))
	client := tls.Client(plainPeer, &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
	handshakeDone := make(chan error, 1)
	go func() { handshakeDone <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-handshakeDone); err != nil {
		t.Fatal(err)
	}
	return server, client
}

// takeOver opens conn on r: by its descriptor where the engine and the connection have one.
func takeOver(t testing.TB, r *Reactor, conn net.Conn, engine Engine) uint32 {
	t.Helper()
	if session, beneath, ok := DetachTLS(conn); ok {
		n := takeOver(t, r, beneath, engine)
		r.Reattach(n, session)
		return n
	}
	if engine.HasDescriptors() {
		fd, ok, err := Adopt(conn)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			n, err := r.Open(fd)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return r.OpenLink(conn)
}
