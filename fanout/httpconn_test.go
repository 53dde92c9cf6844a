package fanout_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

const otherRequest = "GET /other HTTP/1.1\r\nHost: hub.test\r\n\r\n"

// get requests a path that is not the hub's and returns the answer, whose body it has read.
func (c *client) get() *http.Response {
	c.t.Helper()
	c.write([]byte(otherRequest))
	response := c.response()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		c.t.Fatalf("read the body: %v", err)
	}
	return response
}

func httpClient(t testing.TB, address string) *client {
	t.Helper()
	c := dial(t, "tcp", address)
	response := c.get()
	expect(t, "status", response.StatusCode, http.StatusNotFound)
	expect(t, "closed behind it", response.Close, false)
	return c
}

// counts wants so many connections and HTTP connections, at once or soon.
func counts(h *testHub, connections, httpConns uint64) {
	h.t.Helper()
	until(h.t, "connections and HTTP connections are counted", func() bool {
		st := h.hub.Stats()
		return st.Connections == connections && st.HTTPConnections == httpConns
	})
}

func TestLimitsCountHTTPConnections(t *testing.T) {
	for name, c := range map[string]struct {
		cfg    fanout.Config
		status int
	}{
		"MaxConnections":           {fanout.Config{MaxConnections: 2}, http.StatusServiceUnavailable},
		"MaxConnectionsPerAddress": {fanout.Config{MaxConnectionsPerAddress: 2}, http.StatusTooManyRequests},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				cfg := c.cfg
				cfg.Engine = engine
				h := newTestHub(t, cfg)
				address := h.serve()
				first, second := httpClient(t, address), httpClient(t, address)
				counts(h, 0, 2)
				refused := dial(t, "tcp", address)
				refused.write([]byte(handshakeRequest))
				expect(t, "status", refused.response().StatusCode, c.status)
				refused.cutOff()
				expect(t, "counted", h.hub.Stats().Refusals[c.status], 1)
				over := dial(t, "tcp", address)
				response := over.get()
				expect(t, "status over the limit", response.StatusCode, http.StatusNotFound)
				expect(t, "closed behind it", response.Close, true)
				over.cutOff()
				first.get()
				counts(h, 0, 2)
				first.conn.Close()
				counts(h, 0, 1)
				dial(t, "tcp", address).handshake().sync()
				counts(h, 1, 1)
				second.conn.Close()
				counts(h, 1, 0)
				httpClient(t, address)
				counts(h, 1, 1)
			})
		})
	}
}

func TestHTTPConnectionsHaveNoUnfinishedHandshake(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, MaxHandshakesPerAddress: 1})
		address := h.serve()
		httpClient(t, address)
		httpClient(t, address)
		dial(t, "tcp", address).handshake().sync()
		counts(h, 1, 2)
	})
}

func TestFullHubAnswersWhatIsNotForIt(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, MaxConnections: 1})
		h.join()
		address := h.serve()
		for range 40 {
			c := dial(t, "tcp", address)
			response := c.get()
			expect(t, "status", response.StatusCode, http.StatusNotFound)
			expect(t, "closed behind it", response.Close, true)
			c.cutOff()
			c.conn.Close()
		}
		expect(t, "refused", h.hub.Stats().HandshakesRefused, 0)
		for request, status := range map[string]int{
			handshakeRequest: http.StatusServiceUnavailable,
			strings.Replace(otherRequest, "/other", "/ws", 1): http.StatusServiceUnavailable,
			"no request\r\n\r\n":                              http.StatusBadRequest,
		} {
			c := dial(t, "tcp", address)
			c.write([]byte(request))
			expect(t, "status", c.response().StatusCode, status)
			c.cutOff()
		}
		counts(h, 1, 0)
	})
}

func TestFullHubReadsFewRequestsAtATime(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		const most = 32
		served, answer := make(chan struct{}, most), make(chan struct{})
		fallback := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			served <- struct{}{}
			<-answer
		})
		h := newTestHub(t, fanout.Config{Engine: engine, MaxConnections: 1, Fallback: fallback})
		h.join()
		address := h.serve()
		var over []*client
		for range most / 2 {
			reading, asking := dial(t, "tcp", address), dial(t, "tcp", address)
			reading.write([]byte(handshakeHead))
			asking.write([]byte(otherRequest))
			receive(t, served, "a request")
			over = append(over, reading, asking)
		}
		until(t, "all are accepted", func() bool { return h.hub.Stats().Accepted == most+1 })
		status := func() int {
			c := dial(t, "tcp", address)
			defer c.conn.Close()
			return c.get().StatusCode
		}
		expect(t, "status beyond them", status(), http.StatusServiceUnavailable)
		expect(t, "served", len(served), 0)
		close(answer)
		for _, c := range over {
			c.conn.Close()
		}
		until(t, "a place is free", func() bool { return status() == http.StatusOK })
		for range 2 * most {
			until(t, "places come back", func() bool { return status() == http.StatusOK })
			for len(served) > 0 {
				<-served
			}
		}
		counts(h, 1, 0)
	})
}

func TestFullHubLimitsTheTimeForARequest(t *testing.T) {
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, MaxConnections: 1, HandshakeTimeout: 200 * time.Millisecond})
		h.join()
		l := listenTCP(t)
		address := l.Addr().String()
		var slow []*client
		for range 32 {
			c := dial(t, "tcp", address)
			c.write([]byte(handshakeHead))
			slow = append(slow, c)
		}
		h.serveOn(l)
		for _, c := range slow {
			expect(t, "status", c.response().StatusCode, http.StatusRequestTimeout)
			c.cutOff()
			c.conn.Close()
		}
		until(t, "the places are free", func() bool {
			c := dial(t, "tcp", address)
			defer c.conn.Close()
			c.write([]byte(otherRequest))
			response, err := http.ReadResponse(c.in, nil)
			return err == nil && response.StatusCode == http.StatusNotFound
		})
	})
}

func TestShutdownDoesNotWaitForHTTPConnections(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		c := httpClient(t, h.serve())
		counts(h, 0, 1)
		if err := receive(t, drain(h, context.Background()), "the end of Shutdown"); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		expect(t, "HTTP connections", h.hub.Stats().HTTPConnections, 0)
		c.cutOff()
	})
}

func TestHTTPConnectionsBecomeTheHubsAgain(t *testing.T) {
	for name, limits := range map[string]fanout.Config{
		"with no place but their own":                  {MaxConnections: 1},
		"with no place of their address but their own": {MaxConnectionsPerAddress: 1},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				cfg := limits
				cfg.Engine = engine
				h := newTestHub(t, cfg)
				address := h.serve()
				for range 3 {
					c := httpClient(t, address)
					counts(h, 0, 1)
					c.handshake().subscribe("t")
					counts(h, 1, 0)
					h.hub.DispatchEvent(event.Event{Type: "t"})
					c.wants(envelope("t", "", "null"))
					c.conn.Close()
					counts(h, 0, 0)
				}
			})
		})
	}
}

func TestHTTPConnectionsThatTheFallbackHijacksCanBeAdded(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		hijacked := make(chan net.Conn, 1)
		fallback := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Errorf("hijack: %v", err)
			}
			hijacked <- conn
		})
		h := newTestHub(t, fanout.Config{Engine: engine, MaxConnections: 1, Fallback: fallback})
		address := h.serve()
		c := dial(t, "tcp", address)
		c.write([]byte(strings.Replace(handshakeRequest, "/ws", "/elsewhere", 1)))
		conn := receive(t, hijacked, "the connection")
		counts(h, 0, 1)
		if _, err := h.hub.AddConnection(conn); err != nil {
			t.Fatalf("add connection: %v", err)
		}
		counts(h, 1, 0)
		c.sync()
		live, err := h.hub.RemoveConnection(conn)
		if err != nil {
			t.Fatalf("remove connection: %v", err)
		}
		counts(h, 0, 0)
		live.Close()
		c.cutOff()
	})
}
