package fanout_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// watchers are the engines that can watch the socket beneath a connection.
var watchers = []fanout.Engine{fanout.EngineEpoll, fanout.EngineEasygo, fanout.EngineParked}

// foreigners are ways for a connection of TLS that the hub has not made into it. Each returns an address, and whom its clients trust.
var foreigners = map[string]func(h *testHub) (address string, roots *x509.CertPool){
	"ServeHTTP": func(h *testHub) (string, *x509.CertPool) { return serveTLS(h, h.hub) },
	"Serve over a listener of TLS": func(h *testHub) (string, *x509.CertPool) {
		certificates, roots := certificates(h.t)
		return h.serveOn(tls.NewListener(listenTCP(h.t), &tls.Config{Certificates: certificates})), roots
	},
	"AddConnection": func(h *testHub) (string, *x509.CertPool) {
		return serveTLS(h, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { addHijacked(h, w) }))
	},
}

func serveTLS(h *testHub, handler http.Handler) (address string, roots *x509.CertPool) {
	server := httptest.NewTLSServer(handler)
	h.t.Cleanup(server.Close)
	roots = x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.Listener.Addr().String(), roots
}

// addHijacked upgrades a request by hand and adds its connection.
func addHijacked(h *testHub, w http.ResponseWriter) net.Conn {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		h.t.Error(err)
		return nil
	}
	_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"))
	unread, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	if _, err := h.hub.AddConnection(conn, fanout.AddOptions{Unread: unread}); err != nil {
		h.t.Error(err)
	}
	return conn
}

// eachForeigner runs a test on every engine that watches, over every way in.
func eachForeigner(t *testing.T, f func(t *testing.T, h *testHub, address string, roots *x509.CertPool)) {
	for _, engine := range watchers {
		for name, enter := range foreigners {
			t.Run("engine="+engine.String()+"/by="+name, func(t *testing.T) {
				h := newTestHub(t, fanout.Config{Engine: engine})
				address, roots := enter(h)
				f(t, h, address, roots)
			})
		}
	}
}

// TestAnIdleSpokeOverForeignTLSHasNoGoroutineAndNoBuffer measures again where memory of something else was let go of meanwhile: what spokes hold, they hold each time.
func TestAnIdleSpokeOverForeignTLSHasNoGoroutineAndNoBuffer(t *testing.T) {
	eachForeigner(t, func(t *testing.T, h *testHub, address string, roots *x509.CertPool) {
		join := func(address string) func() *client {
			return func() *client {
				conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "example.com"})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { conn.Close() })
				return &client{t: t, conn: conn, in: bufio.NewReaderSize(conn, 512)}
			}
		}
		dial := join(address)
		dial().handshake().sync()
		const spokes, tries = 100, 3
		for try := 1; ; try++ {
			idle := runtime.NumGoroutine()
			before := memoryInUse()
			for range spokes {
				dial().handshake().sync()
			}
			until(t, "no goroutine is left of idle spokes", func() bool { return runtime.NumGoroutine() <= idle })
			until(t, "no buffer is left of idle spokes", func() bool { return memoryHeld(h) == 0 })
			ofSpokes := (memoryInUse() - before) / spokes
			ofPairs := memoryOfPairs(t, join, spokes)
			t.Logf("%d bytes a spoke, %d of them of crypto/tls at both ends", ofSpokes, ofPairs)
			if ofSpokes-ofPairs <= 10<<10 {
				return
			}
			if try == tries {
				t.Fatalf("got %d bytes a spoke and %d for the two ends of a TLS connection, want less than 10 KiB between", ofSpokes, ofPairs)
			}
		}
	})
}

// memoryHeld is what reading and writing take.
func memoryHeld(h *testHub) uint64 {
	m := h.hub.Stats().Memory
	return m.TLS + m.Queues + m.Messages + m.Inboxes
}

// memoryOfPairs is how much a TLS connection takes by itself, of which this process has both ends.
func memoryOfPairs(t *testing.T, join func(string) func() *client, n int) int {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	config := &tls.Config{Certificates: server.TLS.Certificates}
	server.Close()
	l := tls.NewListener(listenTCP(t), config)
	defer l.Close()
	dial := join(l.Addr().String())
	before := memoryInUse()
	for range n {
		accepted := make(chan net.Conn, 1)
		go func() {
			conn, _ := l.Accept()
			_ = conn.(*tls.Conn).Handshake()
			accepted <- conn
		}()
		dial()
		conn := <-accepted
		t.Cleanup(func() { conn.Close() })
	}
	return (memoryInUse() - before) / n
}

func memoryInUse() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// corked is a socket that keeps what is written until it is let go, all at once.
type corked struct {
	net.Conn
	mu   sync.Mutex
	kept bytes.Buffer
	shut bool
}

// Write keeps, or sends.
func (c *corked) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shut {
		return c.kept.Write(p)
	}
	return c.Conn.Write(p)
}

func (c *corked) cork(shut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shut = shut
	_, _ = c.Conn.Write(c.kept.Bytes())
	c.kept.Reset()
}

func TestFramesThatCryptoTLSHasReadAheadArrive(t *testing.T) {
	eachForeigner(t, func(t *testing.T, h *testHub, address string, roots *x509.CertPool) {
		heard := h.hear("early")
		socket, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		wire := &corked{Conn: socket}
		conn := tls.Client(wire, &tls.Config{RootCAs: roots, ServerName: "example.com"})
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		c := newClient(t, conn)
		wire.cork(true)
		c.write([]byte(handshakeRequest))
		for _, id := range []string{"1", "2", "3"} {
			c.text(envelope("early", id, `"x"`))
		}
		wire.cork(false)
		c.accepted()
		for _, id := range []string{"1", "2", "3"} {
			expect(t, "event", receive(t, heard, "an early event"), "early "+id+` "x"`)
		}
		c.subscribe("t")
		h.hub.DispatchEvent(event.Event{Type: "t", ID: "1", Payload: []byte("1")})
		c.wants(envelope("t", "1", "1"))
	})
}

// settled is the connection that RemoveConnection has returned, or stands before while a write to it ends.
func settled(conn net.Conn) net.Conn {
	for {
		over, ok := conn.(interface{ NetConn() net.Conn })
		if _, isTLS := conn.(*tls.Conn); isTLS || !ok {
			return conn
		}
		conn = over.NetConn()
	}
}

func TestPromise2AForeignTLSConnectionComesBackAsItIs(t *testing.T) {
	for _, engine := range watchers {
		t.Run("engine="+engine.String(), func(t *testing.T) {
			h := newTestHub(t, fanout.Config{Engine: engine})
			hijacked := make(chan net.Conn, 1)
			address, roots := serveTLS(h, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { hijacked <- addHijacked(h, w) }))
			c := dialTLS(t, address, roots).handshake()
			conn := receive(t, hijacked, "a connection")
			added := conn
			for range 3 {
				c.sync()
				live, err := h.hub.RemoveConnection(added)
				if err != nil || settled(live) != conn {
					t.Fatalf("got %T and error %v, want the very connection that was added", live, err)
				}
				talk(t, c, live)
				_ = live.SetReadDeadline(time.Time{})
				if _, err := h.hub.AddConnection(live); err != nil {
					t.Fatal(err)
				}
				added = live
			}
			c.sync()
		})
	}
}

func TestPromise2AServedTLSConnectionAddedAgainCanBeRemoved(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newSecureHub(t, fanout.Config{Engine: engine}, nil, fanout.ListenerOptions{})
		c := h.dial().handshake()
		c.sync()
		conn := receive(t, h.connected, "OnConnection").Conn()
		for range 3 {
			live, err := h.hub.RemoveConnection(conn)
			if err != nil {
				t.Fatal(err)
			}
			talk(t, c, live)
			_ = live.SetReadDeadline(time.Time{})
			if _, err := h.hub.AddConnection(live); err != nil {
				t.Fatal(err)
			}
			c.sync()
			conn = live
		}
	})
}

func TestShutdownEndsWhoHasSentHalfARecord(t *testing.T) {
	eachForeigner(t, func(t *testing.T, h *testHub, address string, roots *x509.CertPool) {
		socket, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		wire := &corked{Conn: socket}
		conn := tls.Client(wire, &tls.Config{RootCAs: roots, ServerName: "example.com"})
		c := newClient(t, conn).handshake()
		c.sync()
		wire.cork(true)
		c.text(envelope("half", "1", `"x"`))
		half := wire.kept.Bytes()[:wire.kept.Len()/2]
		if _, err := socket.Write(half); err != nil {
			t.Fatal(err)
		}
		until(t, "a reader that waits for the rest is counted", func() bool { return h.hub.Stats().Memory.TLS > 0 })
		h.cut()
		until(t, "nothing is held", func() bool { return h.hub.Stats().Memory.TLS == 0 })
	})
}
