package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// hanging is an OnHandshake that waits for its release, or for the end of ctx.
type hanging struct {
	began   chan context.Context
	release chan struct{}
}

func newHanging() *hanging {
	return &hanging{began: make(chan context.Context, 1<<10), release: make(chan struct{})}
}

// hang waits for the release, whatever becomes of ctx.
func (g *hanging) hang(ctx context.Context, hs *fanout.Handshake) (fanout.Identity, error) {
	if hs.Request.Header.Get("X-User") != "" {
		return fanout.Identity{User: hs.Request.Header.Get("X-User")}, nil
	}
	g.began <- ctx
	<-g.release
	return fanout.Identity{User: "late"}, nil
}

// heed waits for the release or the end of ctx.
func (g *hanging) heed(ctx context.Context, hs *fanout.Handshake) (fanout.Identity, error) {
	g.began <- ctx
	select {
	case <-g.release:
		return fanout.Identity{User: "patient"}, nil
	case <-ctx.Done():
		return fanout.Identity{}, ctx.Err()
	}
}

// eachServerAtOnce is eachServer for a test that mostly waits.
func eachServerAtOnce(t *testing.T, f func(t *testing.T, engine fanout.Engine, address func(h *testHub) string)) {
	t.Helper()
	servers := map[string]func(h *testHub) string{"Serve": (*testHub).serve, "ServeHTTP": (*testHub).serveHTTP}
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		atOnce(t, servers, func(t *testing.T, address func(h *testHub) string) { f(t, engine, address) })
	})
}

func TestOnHandshakeHasTheTimeOfTheHandshake(t *testing.T) {
	t.Parallel()
	eachServerAtOnce(t, func(t *testing.T, engine fanout.Engine, address func(h *testHub) string) {
		g := newHanging()
		h := newTestHub(t, fanout.Config{Engine: engine, HandshakeTimeout: 5 * time.Second, OnHandshake: g.heed})
		peer := dial(t, "tcp", address(h))
		peer.write([]byte(handshakeRequest))
		response := peer.response()
		expect(t, "status", response.StatusCode, 503)
		expect(t, "when to come back", response.Header.Get("Retry-After"), "2")
		expect(t, "refusals", h.hub.Stats().Refusals[503], 1)
	})
}

func TestAnswerThatComesTooLateIsDropped(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(h *testHub, peer *client, served bool){
		"after its time": func(h *testHub, peer *client, served bool) {
			if served {
				expect(h.t, "status", peer.response().StatusCode, 503)
				peer.conn.Close()
			}
		},
		"after a FIN": func(h *testHub, peer *client, _ bool) { peer.conn.Close() },
		"after a RST": func(h *testHub, peer *client, _ bool) {
			_ = peer.conn.(*net.TCPConn).SetLinger(0)
			peer.conn.Close()
		},
		"after Shutdown": func(h *testHub, peer *client, served bool) {
			go h.shutdown()
			if served {
				expect(h.t, "status", peer.response().StatusCode, 503)
				peer.conn.Close()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachServerAtOnce(t, func(t *testing.T, engine fanout.Engine, address func(h *testHub) string) {
				g := newHanging()
				timeout := time.Minute
				if name == "after its time" {
					timeout = 5 * time.Second
				}
				h := newTestHub(t, fanout.Config{Engine: engine, HandshakeTimeout: timeout, OnHandshake: g.hang})
				at := address(h)
				peer := dial(t, "tcp", at)
				peer.write([]byte(handshakeRequest))
				ctx := receive(t, g.began, "OnHandshake")
				end(h, peer, strings.HasSuffix(t.Name(), "/Serve"))
				receive(t, ctx.Done(), "the end of ctx")
				if name == "after its time" && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
					t.Errorf("got %v, want the deadline", ctx.Err())
				}
				close(g.release)
				until(t, "the connection ends", func() bool { return h.hub.Stats().Connections == 0 })
				h.shutdown()
				expect(t, "announced", len(h.connected), 0)
			})
		})
	}
}

func TestShutdownWaitsForOnHandshake(t *testing.T) {
	g := newHanging()
	h := newTestHub(t, fanout.Config{OnHandshake: g.hang})
	peer := dial(t, "tcp", h.serve())
	peer.write([]byte(handshakeRequest))
	ctx := receive(t, g.began, "OnHandshake")
	done := make(chan struct{})
	go func() { defer close(done); h.shutdown() }()
	expect(t, "status", peer.response().StatusCode, 503)
	receive(t, ctx.Done(), "the end of ctx")
	peer.conn.Close()
	until(t, "the connection ends", func() bool { return h.hub.Stats().Connections == 0 })
	select {
	case <-done:
		t.Error("got the end of Shutdown while OnHandshake runs, want it to wait")
	default:
	}
	close(g.release)
	receive(t, done, "the end of Shutdown")
}

func TestNothingIsLostThatCameBeforeTheAnswer(t *testing.T) {
	const events = 2000
	var behind []byte
	behind = append(behind, clientFrame(fin|opText, envelope("__subscribe", "1", `{"topic":"t"}`))...)
	for i := range events {
		behind = append(behind, clientFrame(fin|opText, envelope("t", "", fmt.Sprint(i)))...)
	}
	eachServer(t, func(t *testing.T, engine fanout.Engine, address func(h *testHub) string) {
		for name, cut := range map[string]int{"with the request": len(behind), "in part": 1000, "later": 0} {
			g := newHanging()
			h := newTestHub(t, fanout.Config{Engine: engine, OnHandshake: g.heed})
			heard := h.hear("t")
			c := dial(t, "tcp", address(h))
			c.write(append([]byte(handshakeRequest), behind[:cut]...))
			receive(t, g.began, "OnHandshake")
			sent := make(chan error, 1)
			go func() {
				_, err := c.conn.Write(behind[cut:])
				sent <- err
			}()
			if strings.Contains(t.Name(), "ServeHTTP") || cut < len(behind) {
				runtime.Gosched()
			} else {
				until(t, "what came is counted", func() bool { return h.hub.Stats().Memory.Handshakes > 16<<10 })
			}
			close(g.release)
			c.accepted()
			if err := receive(t, sent, "the end of sending"); err != nil {
				t.Fatal(err)
			}
			c.wants(ack("1", "t"))
			for i := range events {
				expect(t, name+": heard", receive(t, heard, "an event"), fmt.Sprintf("t  %d", i))
			}
			expect(t, "user", receive(t, h.connected, "OnConnection").Identity().User, "patient")
			expect(t, "memory of handshakes", h.hub.Stats().Memory.Handshakes, 0)
		}
	})
}

func TestInquiryQueueRunningNeverExceedsMaxInquiries(t *testing.T) {
	const workers, strangers = 4, 300
	g := newHanging()
	h := newTestHub(t, fanout.Config{Workers: workers, OnHandshake: g.hang, HandshakeTimeout: time.Minute})
	heard := h.hear("t")
	at := h.serve()
	c := dial(t, "tcp", at)
	c.write(handshakeWith("X-User: ada"))
	c.accepted()
	var hung []*client
	for range strangers {
		peer := dial(t, "tcp", at)
		peer.write([]byte(handshakeRequest))
		hung = append(hung, peer)
	}
	until(t, "all are in their handshake", func() bool { return h.hub.Stats().Connections == strangers+1 })
	for range workers / 2 {
		receive(t, g.began, "OnHandshake")
	}
	c.text(envelope("t", "", "1"))
	receive(t, heard, "an event of a spoke that is in")
	expect(t, "running beside it", len(g.began), 0)
	for _, peer := range hung[:strangers-10] {
		peer.conn.Close()
	}
	until(t, "those that are gone do not wait", func() bool { return h.hub.Stats().Connections == 11 })
	close(g.release)
	for _, peer := range hung[strangers-10:] {
		peer.accepted()
	}
	if asked := len(g.began) + workers/2; asked > 10+workers/2 {
		t.Errorf("got OnHandshake called %d times, want it not called for those that are gone", asked)
	}
}

func TestInquiriesWaitInOrder(t *testing.T) {
	g := newHanging()
	order := make(chan string, 100)
	h := newTestHub(t, fanout.Config{Workers: 1, OnHandshake: func(ctx context.Context, hs *fanout.Handshake) (fanout.Identity, error) {
		if user := hs.Request.Header.Get("X-User"); user != "" {
			order <- user
		}
		return g.hang(ctx, hs)
	}})
	at := h.serve()
	first := dial(t, "tcp", at)
	first.write([]byte(handshakeRequest))
	receive(t, g.began, "OnHandshake")
	for i := range 20 {
		peer, before := dial(t, "tcp", at), h.hub.Stats().Memory.Handshakes
		peer.write(handshakeWith(fmt.Sprintf("X-User: u%d", i)))
		until(t, "it waits", func() bool { return h.hub.Stats().Memory.Handshakes > before })
	}
	close(g.release)
	for i := range 20 {
		expect(t, "asked", receive(t, order, "OnHandshake"), fmt.Sprintf("u%d", i))
	}
}

func TestHandshakesWithAHookCountUntilTheyAreDecided(t *testing.T) {
	g := newHanging()
	h := newTestHub(t, fanout.Config{OnHandshake: g.heed, MaxHandshakesPerAddress: 1})
	at := h.serve()
	first := dial(t, "tcp", at)
	first.write([]byte(handshakeRequest))
	receive(t, g.began, "OnHandshake")
	second := dial(t, "tcp", at)
	second.write([]byte(handshakeRequest))
	expect(t, "status of the second", second.response().StatusCode, 429)
	close(g.release)
	first.accepted()
	third := dial(t, "tcp", at)
	third.handshake()
	h.hub.DispatchEvent(event.Event{Type: "t"})
}

func TestAFullHubDoesNotAskAboutFurtherClients(t *testing.T) {
	g := newHanging()
	h := newTestHub(t, fanout.Config{OnHandshake: g.heed, MaxConnections: 1})
	at := h.serve()
	first := dial(t, "tcp", at)
	first.write([]byte(handshakeRequest))
	receive(t, g.began, "OnHandshake")
	second := dial(t, "tcp", at)
	second.write([]byte(handshakeRequest))
	expect(t, "status", second.response().StatusCode, 503)
	expect(t, "asked", len(g.began), 0)
	close(g.release)
	first.accepted()
}

func TestHandshakesThatWaitAreRefusedForTheBudget(t *testing.T) {
	const strangers = 100
	g := newHanging()
	h := newTestHub(t, fanout.Config{OnHandshake: g.heed, HandshakeTimeout: time.Minute, Reactors: 1, Workers: 2, MemoryBudget: 1 << 20})
	at := h.serve()
	request := handshakeWith("Cookie: a=" + strings.Repeat("x", 8<<10))
	var waiting []*client
	for range strangers {
		peer := dial(t, "tcp", at)
		peer.write(request)
		waiting = append(waiting, peer)
	}
	until(t, "some are refused", func() bool { return h.hub.Stats().Refusals[503] > 0 })
	until(t, "the rest fits", func() bool { return h.hub.Stats().Memory.Handshakes <= 1<<20 })
	for _, peer := range waiting {
		peer.conn.Close()
	}
}

func TestWhatComesBeforeTheAnswerIsReadInMeasure(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		g := newHanging()
		h := newTestHub(t, fanout.Config{Engine: engine, OnHandshake: g.heed})
		c := dial(t, "tcp", h.serve())
		c.write([]byte(handshakeRequest))
		receive(t, g.began, "OnHandshake")
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_, _ = c.conn.Write(make([]byte, 32<<20))
		}()
		until(t, "the client is not read any more", func() bool {
			before := h.hub.Stats()
			return before.BytesIn > 16<<10 && h.hub.Stats().Turns > before.Turns && h.hub.Stats().BytesIn == before.BytesIn
		})
		if held := h.hub.Stats().Memory.Handshakes; held > 1<<20 {
			t.Errorf("got %d bytes held of a handshake, want less than 1 MiB", held)
		}
		c.conn.Close()
		receive(t, sent, "the end of sending")
	})
}
