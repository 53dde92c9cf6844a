package fanout_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

func TestHandshakeDeadlines(t *testing.T) {
	t.Parallel()
	type deadline struct {
		sent   string
		cfg    fanout.Config
		status int
	}
	atOnce(t, map[string]deadline{
		"no first byte ends it without a word":      {"", fanout.Config{FirstByteTimeout: 200 * time.Millisecond}, 0},
		"a handshake that never ends gets 408":      {handshakeHead, fanout.Config{HandshakeTimeout: 300 * time.Millisecond}, http.StatusRequestTimeout},
		"a first byte alone gets 408":               {"G", fanout.Config{HandshakeTimeout: 300 * time.Millisecond, FirstByteTimeout: 200 * time.Millisecond}, http.StatusRequestTimeout},
		"the handshake's deadline bounds the first": {"", fanout.Config{HandshakeTimeout: 200 * time.Millisecond, FirstByteTimeout: time.Hour}, 0},
	}, func(t *testing.T, c deadline) {
		eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
			cfg := c.cfg
			cfg.Engine = engine
			h := newTestHub(t, cfg)
			l := listenTCP(t)
			peer := dial(t, "tcp", l.Addr().String())
			peer.write([]byte(c.sent))
			h.serveOn(l)
			if c.status != 0 {
				response := peer.response()
				expect(t, "status", response.StatusCode, c.status)
				if _, err := io.Copy(io.Discard, response.Body); err != nil {
					t.Errorf("read the body: %v", err)
				}
			}
			peer.ended()
			expect(t, "counted", h.hub.Stats().Refusals[http.StatusRequestTimeout], 1)
			expect(t, "announced", len(h.connected), 0)
			peer.conn.Close()
			until(t, "the socket is closed", func() bool { return h.hub.Stats().Connections == 0 })
		})
	})
}

func TestPingsGoToTheSilentAndTheDeadAreGone(t *testing.T) {
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, PingInterval: 200 * time.Millisecond, PeerTimeout: 6 * time.Second})
		c := added(h, map[fanout.Engine]string{fanout.EngineEpoll: "tcp", fanout.EngineEasygo: "unix", fanout.EngineParked: "tcp", fanout.EngineGoroutine: "pipe"}[engine])
		for range 3 {
			if f := c.frame(); f.op != opPing {
				t.Fatalf("got %+v while silent, want a ping", f)
			}
			c.write(clientFrame(fin|opPong, ""))
		}
		expect(t, "disconnects while pings are answered", len(h.gone), 0)
		end := receive(t, h.gone, "OnDisconnection of the dead")
		expect(t, "cause", end.cause.Kind, fanout.CauseSilent)
		c.cutOff()
		if got := h.hub.Stats().Pings; got < 3 {
			t.Errorf("got %d pings counted, want at least 3", got)
		}
	})
}

// TestPingsAreForThoseThatSpeakToo keeps two spokes from being silent: one all the time, and one by its answers alone.
func TestPingsAreForThoseThatSpeakToo(t *testing.T) {
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, PingInterval: 400 * time.Millisecond, PeerTimeout: 10 * time.Second})
		speaker, _ := h.join()
		for pings := 0; pings < 2; {
			speaker.write(clientFrame(fin|opPing, "sync"))
			for {
				f := speaker.frame()
				if f.op == opPong {
					break
				}
				expect(t, "opcode", f.op, opPing)
				pings++
			}
		}
		expect(t, "disconnects", len(h.gone), 0)
	})
}

// TestASilentSpokeIsToldWhyWhenItComesBack has a full socket and reads nothing until it is given up.
func TestASilentSpokeIsToldWhyWhenItComesBack(t *testing.T) {
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, SendBuffer: 16 << 10, CloseTimeout: time.Minute,
			PingInterval: 200 * time.Millisecond, PeerTimeout: 6 * time.Second})
		c, spoke := h.join()
		queued := fill(t, c, spoke, 256<<10)
		pings := h.hub.Stats().Pings
		end := receive(t, h.gone, "OnDisconnection of the silent")
		expect(t, "cause", end.cause.Kind, fanout.CauseSilent)
		expect(t, "code", end.cause.Code, fanout.CodeGoingAway)
		messages, reason := c.closedWith(fanout.CodeGoingAway)
		if len(messages) == 0 || len(messages) > queued {
			t.Errorf("got %d messages ahead of the close frame, want some of %d", len(messages), queued)
		}
		if !strings.Contains(reason, "retry_after_ms") {
			t.Errorf("got the reason %q, want a hint when to come again", reason)
		}
		s := h.hub.Stats()
		if behind := s.Pings - pings; behind > 2 {
			t.Errorf("got %d pings of a socket that stays full, want two at most, one for what fill sent and one that waits", behind)
		}
	})
}

func TestPingsCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, PingInterval: -1, PeerTimeout: 200 * time.Millisecond, HandshakeTimeout: 600 * time.Millisecond})
		c, _ := h.join()
		c.sync()
		l := listenTCP(t)
		later := dial(t, "tcp", l.Addr().String())
		later.write([]byte("G"))
		h.serveOn(l)
		expect(t, "status", later.response().StatusCode, http.StatusRequestTimeout)
		c.sync()
		expect(t, "pings", h.hub.Stats().Pings, 0)
		expect(t, "disconnects", len(h.gone), 0)
	})
}
