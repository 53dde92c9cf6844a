package fanout_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

func TestLimitsOnConnections(t *testing.T) {
	for name, c := range map[string]struct {
		cfg    fanout.Config
		status int
	}{
		"MaxConnections answers with 503":           {fanout.Config{MaxConnections: 2}, http.StatusServiceUnavailable},
		"MaxConnectionsPerAddress answers with 429": {fanout.Config{MaxConnectionsPerAddress: 2}, http.StatusTooManyRequests},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				cfg := c.cfg
				cfg.Engine = engine
				h := newTestHub(t, cfg)
				server := httptest.NewServer(h.hub)
				t.Cleanup(server.Close)
				addresses := []string{h.serve(), server.Listener.Addr().String()}
				first := dial(t, "tcp", addresses[0]).handshake()
				dial(t, "tcp", addresses[1]).handshake()
				for i, address := range addresses {
					over := dial(t, "tcp", address)
					over.write([]byte(handshakeRequest))
					response := over.response()
					expect(t, "status", response.StatusCode, c.status)
					if response.Header.Get("Retry-After") == "" {
						t.Error("got no Retry-After, want one")
					}
					over.cutOff()
					over.conn.Close()
					expect(t, "counted", h.hub.Stats().Refusals[c.status], uint64(i+1))
				}
				here, there := pair(t, "tcp")
				if _, err := h.hub.AddConnection(there); !errors.Is(err, fanout.ErrTooMany) {
					t.Errorf("got %v from AddConnection, want ErrTooMany", err)
				}
				newClient(t, here).cutOff()
				first.conn.Close()
				receive(t, h.gone, "OnDisconnection")
				until(t, "the socket is closed", func() bool { return h.hub.Stats().Connections == 1 })
				dial(t, "tcp", addresses[0]).handshake()
			})
		})
	}
}

func TestLimitsPerAddressDoNotConcernPeersWithoutOne(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, MaxConnectionsPerAddress: 1})
		for _, network := range []string{"unix", "unix", "pipe", "pipe"} {
			added(h, network).sync()
		}
	})
}

func TestLimitsOnUnfinishedHandshakes(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, MaxHandshakesPerAddress: 1})
		address := h.serve()
		slow := dial(t, "tcp", address)
		slow.write([]byte(handshakeHead))
		until(t, "the unfinished handshake is accepted", func() bool { return h.hub.Stats().Connections == 1 })
		over := dial(t, "tcp", address)
		over.write([]byte(handshakeRequest))
		expect(t, "status", over.response().StatusCode, http.StatusTooManyRequests)
		slow.write([]byte("\r\n"))
		slow.accepted()
		dial(t, "tcp", address).handshake().sync()
		slow.sync()
	})
}

func TestLimitsOnRatesCloseWith1008(t *testing.T) {
	t.Parallel()
	event := envelope("t", "", `"12345"`)
	control := envelope("__subscribe", "", `{"topic":"t"}`)
	five := envelope("__subscribe", "", `{"topics":["a","b","c","d","e"]}`)
	text := func(message string) []byte { return clientFrame(fin|opText, message) }
	for name, c := range map[string]struct {
		cfg    fanout.Config
		sent   []byte
		within int
	}{
		"events":                {fanout.Config{MaxEventsPerSecond: 10}, text(event), 9},
		"control events":        {fanout.Config{MaxControlsPerSecond: 10, MaxTopics: 1}, text(control), 10},
		"topics":                {fanout.Config{MaxControlsPerSecond: 10, MaxTopics: 5}, text(five), 2},
		"too many topics":       {fanout.Config{MaxControlsPerSecond: 10, MaxTopics: 3}, text(five), 3},
		"topics of unsubscribe": {fanout.Config{MaxControlsPerSecond: 10, MaxTopics: 5}, text(envelope("__unsubscribe", "", `{"topics":["a","b","c","d","e"]}`)), 2},
		"bad control events":    {fanout.Config{MaxControlsPerSecond: 10, MaxTopics: 1}, text(envelope("__subscribe", "", "0")), 10},
		"bytes":                 {fanout.Config{MaxBytesPerSecond: 2000, MaxMessage: 100}, text(event), 10},
		"malformed as events":   {fanout.Config{MaxEventsPerSecond: 10}, text("{"), 9},
		"bytes of malformed":    {fanout.Config{MaxBytesPerSecond: 50, MaxMessage: 100}, text("{{{{{"), 10},
		"events by themselves":  {fanout.Config{MaxEventsPerSecond: 1000, MaxControlsPerSecond: 10, MaxTopics: 1}, text(control), 10},
		"unknown control types": {fanout.Config{MaxControlsPerSecond: 10, MaxTopics: 1}, text(envelope("__x", "", `{"topics":["a","b"]}`)), 10},
		"pings":                 {fanout.Config{MaxEventsPerSecond: 100}, clientFrame(fin|opPing, "sync"), 0},
		"pongs":                 {fanout.Config{MaxEventsPerSecond: 10}, clientFrame(fin|opPong, ""), 9},
		"bytes of pongs":        {fanout.Config{MaxBytesPerSecond: 50, MaxMessage: 100}, clientFrame(fin|opPong, "1234567890"), 10},
		"empty fragments":       {fanout.Config{MaxEventsPerSecond: 10}, frames(clientFrame(opText, "{"), clientFrame(opContinuation, ""), clientFrame(fin|opContinuation, "}")), 3},
		"bytes of fragments":    {fanout.Config{MaxBytesPerSecond: 50, MaxMessage: 100}, frames(clientFrame(opText, "{"), clientFrame(opContinuation, ""), clientFrame(fin|opContinuation, "}")), 10},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				cfg := c.cfg
				cfg.Engine = engine
				h := newTestHub(t, cfg)
				peer, _ := h.join()
				other, _ := h.join()
				for range c.within {
					peer.write(c.sent)
				}
				peer.sync()
				go func() {
					for range 1000 {
						if _, err := peer.conn.Write(c.sent); err != nil {
							return
						}
					}
				}()
				_, code, reason := peer.closing()
				expect(t, "code", code, 1008)
				retryHint(t, reason)
				peer.conn.Close()
				expect(t, "cause", receive(t, h.gone, "OnDisconnection").cause.Kind, fanout.CauseViolation)
				expect(t, "counted", h.hub.Stats().OverRate, 1)
				other.write(c.sent)
				other.sync()
			})
		})
	}
}

// TestLimitsOnRatesCountWhatIsInAMessage sends few messages, which are over the limits by what is in them alone.
func TestLimitsOnRatesCountWhatIsInAMessage(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  fanout.Config
		sent []byte
	}{
		"topics": {fanout.Config{MaxControlsPerSecond: 10, MaxTopics: 5},
			clientFrame(fin|opText, envelope("__subscribe", "", `{"topics":["a","b","c","d","e"]}`))},
		"empty fragments": {fanout.Config{MaxEventsPerSecond: 10},
			frames(clientFrame(opText, "{"), clientFrame(opContinuation, ""), clientFrame(opContinuation, ""), clientFrame(fin|opContinuation, "}"))},
	} {
		t.Run(name, func(t *testing.T) {
			h := newTestHub(t, c.cfg)
			peer, _ := h.join()
			for range 8 {
				peer.write(c.sent)
			}
			_, code, _ := peer.closing()
			expect(t, "code", code, 1008)
		})
	}
}

func TestServeOfABrokenListenerReturnsItsError(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	l := listenTCP(t)
	l.Close()
	if err := h.hub.Serve(l); err == nil || errors.Is(err, fanout.ErrClosed) {
		t.Errorf("got %v, want the listener's error", err)
	}
	broken := errors.New("broken")
	if err := h.hub.Serve(brokenListener{err: broken}); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	if err := h.hub.ListenAndServe("256.0.0.1:0"); err == nil {
		t.Error("got no error for an address that there can't be, want one")
	}
	h.shutdown()
	if err := h.hub.Serve(listenTCP(t)); !errors.Is(err, fanout.ErrClosed) {
		t.Errorf("got %v after Shutdown, want ErrClosed", err)
	}
}

// brokenListener fails for good.
type brokenListener struct {
	net.Listener
	err error
}

func (l brokenListener) Accept() (net.Conn, error) { return nil, l.err }

func (l brokenListener) Close() error { return nil }

// exhaustedListener fails for now, until room is closed.
type exhaustedListener struct {
	net.Listener
	room <-chan struct{}
}

// tryAgain is an error that passes.
type tryAgain struct{ error }

func (tryAgain) Temporary() bool { return true }

func (l exhaustedListener) Accept() (net.Conn, error) {
	select {
	case <-l.room:
		return l.Listener.Accept()
	default:
		return nil, tryAgain{errors.New("too many open files")}
	}
}

func TestServePausesWhileAForeignListenerIsExhausted(t *testing.T) {
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		room := make(chan struct{})
		started := time.Now()
		address := h.serveOn(exhaustedListener{listenTCP(t), room})
		until(t, "accepting has paused", func() bool { return h.hub.Stats().AcceptPauses >= 2 })
		pauses, took := h.hub.Stats().AcceptPauses, time.Since(started)
		if limit := uint64(took/(100*time.Millisecond)) + 2; pauses > limit {
			t.Errorf("got %d pauses in %v, want at most %d: not a busy loop", pauses, took, limit)
		}
		expect(t, "log lines", h.log.count("WARN", "accepting pauses"), 1)
		close(room)
		dial(t, "tcp", address).handshake().sync()
	})
}
