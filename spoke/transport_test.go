package spoke_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/spoke"
)

// secureHub starts a hub behind TLS of net/http and returns its URL and the pool with its authority.
func secureHub(t *testing.T) (string, *x509.CertPool) {
	t.Helper()
	hub, err := fanout.New(fanout.Config{Relay: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(hub)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		hub.Shutdown(ctx)
		server.Close()
	})
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return "wss" + strings.TrimPrefix(server.URL, "https"), pool
}

// thereAndBack has one client hear what another publishes.
func thereAndBack(t *testing.T, url string, config spoke.Config) {
	t.Helper()
	a, b := dial(t, url, config), dial(t, url, config)
	events := make(chan string, 1)
	b.AddEventListener("e", func(e event.Event) { events <- string(e.Payload) })
	flush(t, b)
	a.DispatchEvent(event.Event{Type: "e", Payload: []byte("1")})
	if got := await(t, "the event", events); got != "1" {
		t.Errorf("got %s, want 1", got)
	}
}

func TestOverTLS(t *testing.T) {
	url, pool := secureHub(t)
	thereAndBack(t, url, spoke.Config{TLS: &tls.Config{RootCAs: pool}})
	_, err := spoke.Dial(t.Context(), url, quick(spoke.Config{}))
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
		t.Errorf("Dial without the authority: %v, want an UnknownAuthorityError", err)
	}
	_, err = spoke.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "wss"), quick(spoke.Config{}))
	if failed, ok := errors.AsType[*spoke.ConnectError](err); !ok || failed.Status != http.StatusBadRequest {
		t.Errorf("Dial of a TLS port with ws: %v, want the server's 400", err)
	}
}

func TestPlainServerIsNoTLS(t *testing.T) {
	_, url := startHub(t, fanout.Config{})
	_, err := spoke.Dial(t.Context(), "wss"+strings.TrimPrefix(url, "http"), quick(spoke.Config{}))
	if !errors.Is(err, http.ErrSchemeMismatch) {
		t.Errorf("Dial of a plain port with wss: %v, want http.ErrSchemeMismatch", err)
	}
}

func TestOverAUnixSocket(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("paths with a drive are no path of ws+unix")
	}
	directory, err := os.MkdirTemp("", "spoke")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	path := filepath.Join(directory, "hub.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	hub, err := fanout.New(fanout.Config{Relay: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ws" {
			http.NotFound(w, r)
			return
		}
		hub.ServeHTTP(w, r)
	})}
	go server.Serve(l)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		hub.Shutdown(ctx)
		server.Close()
	})
	thereAndBack(t, "ws+unix://"+path+":/ws", spoke.Config{})
	if _, err := spoke.Dial(t.Context(), "ws+unix://"+path+"x:/ws", quick(spoke.Config{})); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Dial of a socket that is not there: %v, want os.ErrNotExist", err)
	}
}

// startProxy starts an HTTP proxy that knows CONNECT and wants a user and a password. Its channel has the targets.
func startProxy(t *testing.T) (*url.URL, <-chan string) {
	targets := make(chan string, 10)
	l := listenTCP(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveProxy(conn, targets)
		}
	}()
	return &url.URL{Scheme: "http", Host: l.Addr().String(), User: url.UserPassword("u", "p")}, targets
}

func serveProxy(conn net.Conn, targets chan<- string) {
	defer conn.Close()
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil || request.Method != http.MethodConnect {
		return
	}
	if request.Header.Get("Proxy-Authorization") != "Basic dTpw" {
		io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
		return
	}
	out, err := net.Dial("tcp", request.Host)
	if err != nil {
		return
	}
	targets <- request.Host
	io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
	pipe(conn, out)
}

func TestThroughAProxy(t *testing.T) {
	proxy, targets := startProxy(t)
	through := func(*http.Request) (*url.URL, error) { return proxy, nil }
	_, plain := startHub(t, fanout.Config{Relay: true})
	thereAndBack(t, plain, spoke.Config{Proxy: through})
	secure, pool := secureHub(t)
	thereAndBack(t, secure, spoke.Config{Proxy: through, TLS: &tls.Config{RootCAs: pool}})
	for _, want := range []string{plain[len("http://"):], plain[len("http://"):], secure[len("wss://"):], secure[len("wss://"):]} {
		if got := await(t, "a tunnel", targets); got != want {
			t.Errorf("a tunnel to %s, want one to %s", got, want)
		}
	}
	stranger := *proxy
	stranger.User = nil
	_, err := spoke.Dial(t.Context(), plain, quick(spoke.Config{Proxy: func(*http.Request) (*url.URL, error) { return &stranger, nil }}))
	if failed, ok := errors.AsType[*spoke.ConnectError](err); !ok || failed.Err == nil {
		t.Errorf("Dial through a proxy that refuses: %v, want a ConnectError", err)
	}
}

func TestHeadersAreSent(t *testing.T) {
	shown := make(chan http.Header, 1)
	url := scripted(t, func(c *serverConn, _ int) {
		shown <- c.header
		c.serve(nil)
	})
	dial(t, url, spoke.Config{Header: http.Header{"Cookie": {"session=1"}}})
	if got := await(t, "the handshake", shown).Get("Cookie"); got != "session=1" {
		t.Errorf("Cookie is %q, want session=1", got)
	}
}
