package fanout_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// secureHub is a hub that serves TLS on an address, and whom its clients trust.
type secureHub struct {
	*testHub
	address string
	roots   *x509.CertPool
}

func newSecureHub(t *testing.T, cfg fanout.Config, change func(*tls.Config), o fanout.ListenerOptions) *secureHub {
	t.Helper()
	h := newTestHub(t, cfg)
	certificates, roots := certificates(t)
	o.TLS = &tls.Config{Certificates: certificates}
	if change != nil {
		change(o.TLS)
	}
	return &secureHub{testHub: h, address: h.serveWith(listenTCP(t), o), roots: roots}
}

func (h *secureHub) dial() *client { return dialTLS(h.t, h.address, h.roots) }

// logged says whether a line of the log with a message has a text in it.
func logged(h *testHub, message, text string) bool {
	for _, line := range h.log.all() {
		if strings.Contains(line, message) && strings.Contains(line, text) {
			return true
		}
	}
	return false
}

func TestPlainHTTPOnATLSPortIsToldSo(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newSecureHub(t, fanout.Config{Engine: engine}, nil, fanout.ListenerOptions{})
		c := dial(t, "tcp", h.address)
		c.write([]byte(handshakeRequest))
		response := c.response()
		body, _ := io.ReadAll(response.Body)
		expect(t, "status", response.StatusCode, http.StatusBadRequest)
		if !strings.Contains(string(body), "wss://") {
			t.Errorf("got the answer %q, want what to do", body)
		}
		expect(t, "lines with its path", logged(h.testHub, "handshake refused", "path=/ws"), true)
		expect(t, "failed TLS handshakes", h.hub.Stats().TLSFailed, 0)
	})
}

func TestATLSHandshakeThatFailsIsExplainedToBothSides(t *testing.T) {
	for name, c := range map[string]struct {
		client *tls.Config
		server func(*tls.Config)
		told   string
		logged string
	}{
		"a client that does not trust the certificate": {&tls.Config{ServerName: "example.com"}, nil, "unknown authority", "turns the certificate down"},
		"a client with old versions alone":             {&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, nil, "protocol version", "turned off here"},
		"a client that wants another protocol":         {&tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}, nil, "application protocol", "http/1.1"},
		"a client without the certificate it needs": {&tls.Config{InsecureSkipVerify: true}, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert },
			"certificate required", "is required here"},
		"a callback that panics": {&tls.Config{InsecureSkipVerify: true}, func(c *tls.Config) {
			c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { panic("no certificate today") }
			c.Certificates = nil
		}, "", "panicked: no certificate today"},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := newSecureHub(t, fanout.Config{Engine: engine}, c.server, fanout.ListenerOptions{})
				raw := dial(t, "tcp", h.address)
				secure := tls.Client(raw.conn, c.client)
				err := secure.Handshake()
				if err == nil {
					_, err = secure.Read(make([]byte, 1))
				}
				if err == nil || !strings.Contains(err.Error(), c.told) {
					t.Errorf("got the error %v, want one with %q", err, c.told)
				}
				raw.conn.Close()
				until(t, "the connection has gone", func() bool { return h.hub.Stats().Connections == 0 })
				expect(t, "failed TLS handshakes", h.hub.Stats().TLSFailed, 1)
				if !logged(h.testHub, "TLS handshake failed", c.logged) {
					t.Errorf("got the log %q, want why the handshake failed, with %q", h.log.all(), c.logged)
				}
			})
		})
	}
}

func TestATLSHandshakeHasTheTimeOfAHandshake(t *testing.T) {
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		h := newSecureHub(t, fanout.Config{Engine: engine, FirstByteTimeout: 2 * time.Second, HandshakeTimeout: 4 * time.Second}, nil, fanout.ListenerOptions{})
		half := dial(t, "tcp", h.address)
		half.write([]byte{22, 3, 1, 2, 0, 1})
		silent := dial(t, "tcp", h.address)
		secured := h.dial()
		for name, c := range map[string]*client{"half a hello": half, "no byte": silent, "no request": secured} {
			if _, err := c.conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: got %v, want the end of the connection", name, err)
			}
		}
		until(t, "all have gone", func() bool { return h.hub.Stats().Connections == 0 })
		expect(t, "TLS handshakes", h.hub.Stats().TLSHandshakes, 1)
		expect(t, "failed ones", h.hub.Stats().TLSFailed, 1)
	})
}

func TestUnfinishedTLSHandshakesCountForTheirAddress(t *testing.T) {
	h := newSecureHub(t, fanout.Config{MaxHandshakesPerAddress: 3}, nil, fanout.ListenerOptions{})
	for range 3 {
		dial(t, "tcp", h.address).write([]byte{22, 3, 1, 2, 0, 1})
	}
	until(t, "three have begun", func() bool { return h.hub.Stats().Connections == 3 })
	over := h.dial()
	over.write([]byte(handshakeRequest))
	expect(t, "status", over.response().StatusCode, http.StatusTooManyRequests)
}

func TestTheProxyProtocolComesAheadOfTLS(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		var seen atomic.Value
		h := newSecureHub(t, fanout.Config{Engine: engine, TrustedProxies: localProxies()}, func(c *tls.Config) {
			fixed := c.Clone()
			c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				seen.Store(hello.Conn.RemoteAddr().String())
				return fixed, nil
			}
		}, fanout.ListenerOptions{ProxyProtocol: true})
		const header = "PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\n"
		for _, cut := range []int{0, 7, len(header)} {
			raw := dial(t, "tcp", h.address)
			raw.write([]byte(header[:cut]))
			secure := newClient(t, tls.Client(&headed{Conn: raw.conn, head: []byte(header[cut:])}, &tls.Config{RootCAs: h.roots, ServerName: "example.com"}))
			secure.handshake()
			expect(t, "address", receive(t, h.connected, "the spoke").RemoteAddr().String(), "192.0.2.1:4711")
			expect(t, "address that callbacks of the configuration see", seen.Load(), any("192.0.2.1:4711"))
		}
		plain := dial(t, "tcp", h.address)
		plain.write([]byte(header + handshakeRequest))
		expect(t, "status without TLS", plain.response().StatusCode, http.StatusBadRequest)
	})
}

func TestClientsOverTheLimitsBehindAProxyReadTheirRefusalOverTLS(t *testing.T) {
	h := newSecureHub(t, fanout.Config{TrustedProxies: localProxies(), MaxConnectionsPerAddress: 1}, nil, fanout.ListenerOptions{ProxyProtocol: true})
	from := func() *client {
		header := []byte("PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\n")
		return newClient(t, tls.Client(&headed{Conn: dial(t, "tcp", h.address).conn, head: header}, &tls.Config{RootCAs: h.roots, ServerName: "example.com"}))
	}
	first := from()
	first.handshake()
	for range 40 {
		over := from()
		over.write([]byte(handshakeRequest))
		expect(t, "status", over.response().StatusCode, http.StatusTooManyRequests)
		over.conn.Close()
	}
	first.conn.Close()
	until(t, "all have gone", func() bool { return h.hub.Stats().Connections == 0 })
	from().handshake()
}

// headed sends something ahead of the first that is written, in one piece with it.
type headed struct {
	net.Conn
	head []byte
}

// Write writes.
func (c *headed) Write(p []byte) (int, error) {
	head := c.head
	c.head = nil
	n, err := c.Conn.Write(append(head, p...))
	return max(0, n-len(head)), err
}

func TestRequestsOverTLSAreKnownToBe(t *testing.T) {
	states := make(chan *tls.ConnectionState, 8)
	fallback := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { states <- r.TLS })
	h := newSecureHub(t, fanout.Config{Fallback: fallback}, nil, fanout.ListenerOptions{})
	c := h.dial()
	for range 2 {
		c.write([]byte("GET /other HTTP/1.1\r\nHost: example.com\r\n\r\n"))
		expect(t, "status", c.response().StatusCode, http.StatusOK)
		if state := receive(t, states, "the state of TLS"); state == nil || state.ServerName != "example.com" {
			t.Errorf("got the state %+v, want one with the name that was asked for", state)
		}
	}
	c.handshake().sync()
	spoke := receive(t, h.connected, "OnConnection")
	expect(t, "name behind a request to elsewhere", spoke.Conn().(rawConnection).ConnectionState().ServerName, "example.com")

	page := h.dial()
	page.write([]byte(handshakeHead + "Origin: http://hub.test\r\n\r\n"))
	expect(t, "status for a page without TLS", page.response().StatusCode, http.StatusForbidden)
	page = h.dial()
	page.write([]byte(handshakeHead + "Origin: https://hub.test\r\n\r\n"))
	page.accepted()
}

func TestARemovedConnectionOfTLSIsOneOfCryptoTLS(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newSecureHub(t, fanout.Config{Engine: engine}, nil, fanout.ListenerOptions{})
		c := h.dial().handshake()
		c.sync()
		spoke := receive(t, h.connected, "OnConnection")
		conn, err := h.hub.RemoveConnection(spoke.Conn())
		if err != nil {
			t.Fatalf("remove: %v", err)
		}
		live, ok := conn.(*tls.Conn)
		if !ok {
			t.Fatalf("got a %T, want a *tls.Conn", conn)
		}
		expect(t, "server name", live.ConnectionState().ServerName, "example.com")
		go func() { _, _ = live.Write([]byte("from its owner\n")) }()
		line, _ := c.in.ReadString('\n')
		expect(t, "what its owner writes", line, "from its owner\n")
		c.write([]byte("to its owner\n"))
		line, _ = bufio.NewReader(live).ReadString('\n')
		expect(t, "what its owner reads", line, "to its owner\n")

		back, err := h.hub.AddConnection(live)
		if err != nil {
			t.Fatalf("give back: %v", err)
		}
		c.sync()
		expect(t, "name when it is back", back.Conn().(rawConnection).ConnectionState().ServerName, "example.com")
		back.Close(fanout.CodeNormal, "")
		c.closedWith(fanout.CodeNormal)
	})
}

func TestAClientsCertificateReachesOnHandshake(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		own, pool := clientCertificate(t, "ada")
		h := newSecureHub(t, fanout.Config{Engine: engine, OnHandshake: func(_ context.Context, hs *fanout.Handshake) (fanout.Identity, error) {
			return fanout.Identity{User: hs.Request.TLS.VerifiedChains[0][0].Subject.CommonName}, nil
		}}, func(c *tls.Config) {
			c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, pool
		}, fanout.ListenerOptions{})
		conn, err := tls.Dial("tcp", h.address, &tls.Config{RootCAs: h.roots, ServerName: "example.com", Certificates: []tls.Certificate{own}})
		if err != nil {
			t.Fatal(err)
		}
		newClient(t, conn).handshake()
		expect(t, "user", receive(t, h.connected, "OnConnection").Identity().User, "ada")
	})
}

func clientCertificate(t *testing.T, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(issuer)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func expectError(t testing.TB, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("got the error %v, want one with %q", err, text)
	}
}

func TestSessionsOfTLSAreNotTakenUpAgain(t *testing.T) {
	h := newSecureHub(t, fanout.Config{}, func(c *tls.Config) {
		fixed := c.Clone()
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return fixed, nil }
	}, fanout.ListenerOptions{})
	config := &tls.Config{RootCAs: h.roots, ServerName: "example.com", ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	for range 2 {
		conn, err := tls.Dial("tcp", h.address, config)
		if err != nil {
			t.Fatal(err)
		}
		newClient(t, conn).handshake().sync()
		expect(t, "resumed", conn.ConnectionState().DidResume, false)
		expect(t, "protocol", conn.ConnectionState().NegotiatedProtocol, "")
	}
}

func TestAnIdleSpokeOverTLSHasNoGoroutine(t *testing.T) {
	h := newSecureHub(t, fanout.Config{}, nil, fanout.ListenerOptions{})
	h.dial().handshake().sync()
	before := runtime.NumGoroutine()
	for range 200 {
		h.dial().handshake().sync()
	}
	until(t, "no goroutine is left of the handshakes", func() bool { return runtime.NumGoroutine() <= before })
}

func TestWhoBreaksTLSIsToldByAnAlert(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newSecureHub(t, fanout.Config{Engine: engine}, nil, fanout.ListenerOptions{})
		for range 20 {
			raw := dial(t, "tcp", h.address)
			c := newClient(t, tls.Client(raw.conn, &tls.Config{RootCAs: h.roots, ServerName: "example.com"})).handshake()
			c.sync()
			raw.write(append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...))
			if _, err := c.conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "bad record MAC") {
				t.Fatalf("got the error %v, want the alert", err)
			}
			raw.conn.Close()
			spoke := receive(t, h.connected, "OnConnection")
			ended := receive(t, h.gone, "OnDisconnection")
			if ended.spoke != spoke || ended.cause.Kind != fanout.CausePeerGone || ended.cause.Err == nil {
				t.Errorf("got the end %+v, want that of the spoke with what was wrong", ended.cause)
			}
		}
		until(t, "all have gone", func() bool { return h.hub.Stats().Connections == 0 })
	})
}

func TestADrainWaitsForNoTLSHandshake(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newSecureHub(t, fanout.Config{Engine: engine, CloseTimeout: time.Hour}, nil, fanout.ListenerOptions{})
		dial(t, "tcp", h.address)
		dial(t, "tcp", h.address).write([]byte{22, 3, 1, 2, 0, 1})
		until(t, "both are there", func() bool { return h.hub.Stats().Connections == 2 })
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := h.hub.Shutdown(ctx); err != nil {
			t.Errorf("got the error %v, want none", err)
		}
	})
}

func TestAnAuthorityMayLookWhetherTheHubHasAName(t *testing.T) {
	for name, c := range map[string]struct {
		server []string
		works  bool
	}{
		"where the configuration has its protocol": {[]string{"h2", "acme-tls/1"}, true},
		"and nowhere else":                         {[]string{"h2"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newSecureHub(t, fanout.Config{}, func(config *tls.Config) { config.NextProtos = c.server }, fanout.ListenerOptions{})
			conn, err := tls.Dial("tcp", h.address, &tls.Config{RootCAs: h.roots, ServerName: "example.com", NextProtos: []string{"acme-tls/1"}})
			if err == nil {
				defer conn.Close()
			}
			if works := err == nil && conn.ConnectionState().NegotiatedProtocol == "acme-tls/1"; works != c.works {
				t.Errorf("got the error %v and works %v, want %v", err, works, c.works)
			}
		})
	}
}
