package fanout_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// loggingWriter is a wrapper as middlewares write it, without Unwrap.
type loggingWriter struct{ http.ResponseWriter }

// openWriter is one with it.
type openWriter struct{ http.ResponseWriter }

func (w openWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestServeHTTPNamesTheMiddlewareThatHidesHijacking(t *testing.T) {
	for name, c := range map[string]struct {
		wrap   func(hub http.Handler) http.Handler
		status int
		writer string
	}{
		"a wrapper without Unwrap": {func(hub http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hub.ServeHTTP(loggingWriter{w}, r) })
		}, 500, "fanout_test.loggingWriter"},
		"http.TimeoutHandler": {func(hub http.Handler) http.Handler { return http.TimeoutHandler(hub, time.Minute, "late") }, 500, "*http.timeoutWriter"},
		"a wrapper with Unwrap": {func(hub http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hub.ServeHTTP(openWriter{w}, r) })
		}, 101, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newTestHub(t, fanout.Config{})
			server := httptest.NewServer(c.wrap(h.hub))
			t.Cleanup(server.Close)
			peer := dial(t, "tcp", server.Listener.Addr().String())
			peer.write([]byte(handshakeRequest))
			response := peer.response()
			expect(t, "status", response.StatusCode, c.status)
			if c.status == http.StatusSwitchingProtocols {
				receive(t, h.connected, "OnConnection")
				return
			}
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{c.writer, "Unwrap()"} {
				if !strings.Contains(string(body), part) {
					t.Errorf("got the answer %q, want %q in it", body, part)
				}
			}
			expect(t, "logged with the writer", h.log.count("ERROR", "writer="+c.writer), 1)
			expect(t, "refusals with 500", h.hub.Stats().Refusals[500], 1)
		})
	}
}

func TestServeHTTPSaysThatHTTP2HasNoWebSocket(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	server := httptest.NewUnstartedServer(h.hub)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	response, err := server.Client().Get(server.URL + "/ws")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "protocol", response.Proto, "HTTP/2.0")
	expect(t, "status", response.StatusCode, http.StatusHTTPVersionNotSupported)
	if !strings.Contains(string(body), "HTTP/2") {
		t.Errorf("got the answer %q, want HTTP/2 named in it", body)
	}
}

func TestHostsAreCheckedHoweverARequestComes(t *testing.T) {
	rebound := strings.Replace(handshakeRequest, "hub.test", "evil.example", 1)
	sameOrigin := strings.Replace(rebound, "Host: evil.example\r\n", "Host: evil.example\r\nOrigin: http://evil.example\r\n", 1)
	for name, c := range map[string]struct {
		hosts   []string
		request string
		status  int
	}{
		"a listed name":                     {[]string{"other.test", "hub.test"}, handshakeRequest, 101},
		"an address":                        {[]string{"other.test"}, strings.Replace(handshakeRequest, "hub.test", "127.0.0.1:1", 1), 101},
		"a name that was rebound":           {[]string{"hub.test"}, rebound, 421},
		"a rebound name with its own pages": {[]string{"hub.test"}, sameOrigin, 421},
		"any name by default":               {nil, sameOrigin, 101},
		"any name by choice":                {[]string{"*"}, sameOrigin, 101},
		"a rebound name of a proxy":         {[]string{"hub.test"}, strings.Replace(handshakeRequest, "GET /ws", "GET ws://evil.example/ws", 1), 421},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := newTestHub(t, fanout.Config{Engine: engine, Hosts: c.hosts})
				server := httptest.NewServer(h.hub)
				t.Cleanup(server.Close)
				for _, address := range []string{h.serve(), server.Listener.Addr().String()} {
					peer := dial(t, "tcp", address)
					peer.write([]byte(c.request))
					response := peer.response()
					expect(t, "status", response.StatusCode, c.status)
					if c.status == http.StatusSwitchingProtocols {
						receive(t, h.connected, "OnConnection")
					}
					if body, _ := io.ReadAll(response.Body); c.status == 421 && !strings.Contains(string(body), "--host") {
						t.Errorf("got the answer %q, want --host named in it", body)
					}
					peer.conn.Close()
				}
			})
		})
	}
}

func TestMaxHandshakeLimitsRequestsOfAllPaths(t *testing.T) {
	long := func(request string, size int) []byte {
		return []byte(strings.TrimSuffix(request, "\r\n") + "Cookie: a=" + strings.Repeat("x", size) + "\r\n\r\n")
	}
	for name, c := range map[string]struct {
		limit, size int
		status      int
	}{
		"12 KiB by default":  {0, 12 << 10, 101},
		"17 KiB by default":  {0, 17 << 10, 431},
		"17 KiB by choice":   {32 << 10, 17 << 10, 101},
		"200 KiB by choice":  {256 << 10, 200 << 10, 101},
		"2 KiB under 1 KiB":  {1 << 10, 2 << 10, 431},
		"300 KiB under that": {256 << 10, 300 << 10, 431},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h := newTestHub(t, fanout.Config{Engine: engine, MaxHandshake: c.limit})
				address := h.serve()
				for request, status := range map[string]int{handshakeRequest: c.status, otherRequest: max(c.status, 404)} {
					peer := dial(t, "tcp", address)
					_, _ = peer.conn.Write(long(request, c.size))
					expect(t, "status", peer.response().StatusCode, status)
					peer.conn.Close()
				}
			})
		})
	}
}

func TestEmptyLinesAheadOfARequestAreSkipped(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		address := h.serve()
		for request, status := range map[string]int{"\r\n" + handshakeRequest: 101, "\r\n\r\n" + otherRequest: 404, "\r\n" + otherRequest: 404} {
			peer := dial(t, "tcp", address)
			drip(peer, []byte(request))
			expect(t, "status", peer.response().StatusCode, status)
			peer.conn.Close()
		}
	})
}

// pipeWriter is a response whose connection is one end of a pipe.
type pipeWriter struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (w pipeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}

// handshakeAsRead is a handshake as net/http reads it.
func handshakeAsRead(t *testing.T) *http.Request {
	t.Helper()
	request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(handshakeRequest)))
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// answering is a handshake whose answer ServeHTTP has begun to write to the pipe of ours. served is closed when it returns.
func answering(t *testing.T, h *testHub) (ours net.Conn, first []byte, served chan struct{}) {
	t.Helper()
	ours, theirs := net.Pipe()
	request := handshakeAsRead(t)
	served = make(chan struct{})
	go func() {
		defer close(served)
		h.hub.ServeHTTP(pipeWriter{httptest.NewRecorder(), theirs}, request)
	}()
	first = make([]byte, 1)
	if _, err := io.ReadFull(ours, first); err != nil {
		t.Fatal(err)
	}
	return ours, first, served
}

func TestAClientWhoseHandshakeIsAnsweredWhileTheHubShutsDownIsTold(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		ours, first, served := answering(t, h)
		done := drain(h, context.Background())
		until(t, "the hub lets nobody in", func() bool {
			w := httptest.NewRecorder()
			h.hub.ServeHTTP(w, handshakeAsRead(t))
			return w.Code == http.StatusServiceUnavailable
		})
		c := newClient(t, ours)
		c.in = bufio.NewReader(io.MultiReader(strings.NewReader(string(first)), ours))
		expect(t, "status", c.response().StatusCode, http.StatusSwitchingProtocols)
		messages, code, reason := c.closing()
		expect(t, "messages", len(messages), 0)
		expect(t, "code", code, fanout.CodeRestart)
		retryHint(t, reason)
		ours.Close()
		receive(t, served, "the end of the request")
		if err := receive(t, done, "the end of Shutdown"); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
}

func TestAConnectionThatTheEndOvertakesIsCountedUntilItIsClosed(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	here, _, served := answering(t, h)
	h.cut()
	expect(t, "connections while it is answered", h.hub.Stats().Connections, 1)
	newClient(t, here).cutOff()
	receive(t, served, "the end of ServeHTTP")
	expect(t, "connections when it is closed", h.hub.Stats().Connections, 0)
}
