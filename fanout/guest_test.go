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

func guest(t *testing.T, address string) *client {
	t.Helper()
	c := dial(t, "tcp", address)
	response := c.get()
	expect(t, "status", response.StatusCode, http.StatusNotFound)
	expect(t, "closed behind it", response.Close, false)
	return c
}

// counts wants so many connections and guests, at once or soon.
func counts(r *rig, connections, guests uint64) {
	r.t.Helper()
	until(r.t, "connections and guests are counted", func() bool {
		st := r.hub.Stats()
		return st.Connections == connections && st.Guests == guests
	})
}

func TestLimitsCountGuests(t *testing.T) {
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
				r := newRig(t, cfg)
				address := r.serve()
				first, second := guest(t, address), guest(t, address)
				counts(r, 0, 2)
				refused := dial(t, "tcp", address)
				refused.write([]byte(handshakeRequest))
				expect(t, "status", refused.response().StatusCode, c.status)
				refused.cutOff()
				expect(t, "counted", r.hub.Stats().Refusals[c.status], 1)
				over := dial(t, "tcp", address)
				response := over.get()
				expect(t, "status over the limit", response.StatusCode, http.StatusNotFound)
				expect(t, "closed behind it", response.Close, true)
				over.cutOff()
				first.get()
				counts(r, 0, 2)
				first.conn.Close()
				counts(r, 0, 1)
				dial(t, "tcp", address).handshake().sync()
				counts(r, 1, 1)
				second.conn.Close()
				counts(r, 1, 0)
				guest(t, address)
				counts(r, 1, 1)
			})
		})
	}
}

func TestGuestsHaveNoUnfinishedHandshake(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		r := newRig(t, fanout.Config{Engine: engine, MaxHandshakesPerAddress: 1})
		address := r.serve()
		guest(t, address)
		guest(t, address)
		dial(t, "tcp", address).handshake().sync()
		counts(r, 1, 2)
	})
}

func TestFullHubAnswersWhatIsNotForIt(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		r := newRig(t, fanout.Config{Engine: engine, MaxConnections: 1})
		r.join()
		address := r.serve()
		for range 40 {
			c := dial(t, "tcp", address)
			response := c.get()
			expect(t, "status", response.StatusCode, http.StatusNotFound)
			expect(t, "closed behind it", response.Close, true)
			c.cutOff()
			c.conn.Close()
		}
		expect(t, "refused", r.hub.Stats().HandshakesRefused, 0)
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
		counts(r, 1, 0)
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
		r := newRig(t, fanout.Config{Engine: engine, MaxConnections: 1, Fallback: fallback})
		r.join()
		address := r.serve()
		var over []*client
		for range most / 2 {
			reading, asking := dial(t, "tcp", address), dial(t, "tcp", address)
			reading.write([]byte(handshakeHead))
			asking.write([]byte(otherRequest))
			receive(t, served, "a request")
			over = append(over, reading, asking)
		}
		until(t, "all are accepted", func() bool { return r.hub.Stats().Accepted == most+1 })
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
		counts(r, 1, 0)
	})
}

func TestFullHubLimitsTheTimeForARequest(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		r := newRig(t, fanout.Config{Engine: engine, MaxConnections: 1, HandshakeTimeout: 200 * time.Millisecond})
		r.join()
		address := r.serve()
		var slow []*client
		for range 32 {
			c := dial(t, "tcp", address)
			c.write([]byte(handshakeHead))
			slow = append(slow, c)
		}
		for _, c := range slow {
			expect(t, "status", c.response().StatusCode, http.StatusRequestTimeout)
			c.cutOff()
			c.conn.Close()
		}
		until(t, "the places are free", func() bool {
			c := dial(t, "tcp", address)
			defer c.conn.Close()
			return c.get().StatusCode == http.StatusNotFound
		})
	})
}

func TestShutdownDoesNotWaitForGuests(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		r := newRig(t, fanout.Config{Engine: engine})
		c := guest(t, r.serve())
		counts(r, 0, 1)
		if err := receive(t, drain(r, context.Background()), "the end of Shutdown"); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		expect(t, "guests", r.hub.Stats().Guests, 0)
		c.cutOff()
	})
}

func TestGuestsComeBackToTheHub(t *testing.T) {
	for name, limits := range map[string]fanout.Config{
		"with no place but their own":                  {MaxConnections: 1},
		"with no place of their address but their own": {MaxConnectionsPerAddress: 1},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				cfg := limits
				cfg.Engine = engine
				r := newRig(t, cfg)
				address := r.serve()
				for range 3 {
					c := guest(t, address)
					counts(r, 0, 1)
					c.handshake().subscribe("t")
					counts(r, 1, 0)
					r.hub.DispatchEvent(event.Event{Type: "t"})
					c.wants(envelope("t", "", "null"))
					c.conn.Close()
					counts(r, 0, 0)
				}
			})
		})
	}
}

func TestGuestsThatTheFallbackHijacksCanBeAdded(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		hijacked := make(chan net.Conn, 1)
		fallback := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Errorf("hijack: %v", err)
			}
			hijacked <- conn
		})
		r := newRig(t, fanout.Config{Engine: engine, MaxConnections: 1, Fallback: fallback})
		address := r.serve()
		c := dial(t, "tcp", address)
		c.write([]byte(strings.Replace(handshakeRequest, "/ws", "/elsewhere", 1)))
		conn := receive(t, hijacked, "the connection")
		counts(r, 0, 1)
		if _, err := r.hub.AddConnection(conn); err != nil {
			t.Fatalf("add connection: %v", err)
		}
		counts(r, 1, 0)
		c.sync()
		live, err := r.hub.RemoveConnection(conn)
		if err != nil {
			t.Fatalf("remove connection: %v", err)
		}
		counts(r, 0, 0)
		live.Close()
		c.cutOff()
	})
}
