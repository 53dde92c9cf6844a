package fanout

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
)

const patience = time.Minute

// loopHub is a hub whose loops a test can look into and hold up: two reactors, with the far end of a subscriber that one of them serves.
type loopHub struct {
	t    *testing.T
	hub  *Hub
	slow *loop
}

// hubOf is a loopHub without a subscriber; the hub is cut off at the end of the test.
func hubOf(t *testing.T, cfg Config) *loopHub {
	t.Helper()
	hub, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = hub.Shutdown(now)
	})
	return &loopHub{t: t, hub: hub}
}

func newLoopHub(t *testing.T, engine Engine) *loopHub {
	t.Helper()
	l := hubOf(t, Config{Engine: engine, Reactors: 2, Relay: true, QueueLimit: 64 << 10})
	subscriber, spoke := l.join()
	l.slow = spoke.loop
	l.send(subscriber, `{"type":"__subscribe","payload":{"topic":"t"}}`)
	l.until("the subscription", func() bool { return l.hub.index.Subscriptions() == 1 })
	go io.Copy(io.Discard, subscriber)
	return l
}

func (l *loopHub) join(options ...AddOptions) (net.Conn, *Spoke) {
	l.t.Helper()
	here, there := net.Pipe()
	if l.hub.cfg.Engine.HasDescriptors() {
		here, there = l.tcp()
	}
	spoke, err := l.hub.AddConnection(there, options...)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { here.Close() })
	_ = here.SetDeadline(time.Now().Add(patience))
	return here, spoke
}

// joinElsewhere is a spoke on another reactor than the subscriber's.
func (l *loopHub) joinElsewhere() (net.Conn, *Spoke) {
	l.t.Helper()
	for {
		if here, spoke := l.join(); spoke.loop != l.slow {
			return here, spoke
		}
	}
}

func (l *loopHub) tcp() (here, there net.Conn) {
	l.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.t.Fatal(err)
	}
	defer listener.Close()
	if here, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		l.t.Fatal(err)
	}
	if there, err = listener.Accept(); err != nil {
		l.t.Fatal(err)
	}
	return here, there
}

func (l *loopHub) send(to net.Conn, text string) {
	l.t.Helper()
	if _, err := to.Write(ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte(text))))); err != nil {
		l.t.Fatal(err)
	}
}

func (l *loopHub) until(what string, reached func() bool) {
	l.t.Helper()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(patience); !reached(); <-poll.C {
		if time.Now().After(end) {
			l.t.Fatalf("%s: did not come about", what)
		}
	}
}

// halt keeps the subscriber's reactor busy until proceed is called.
func (l *loopHub) halt() (proceed func()) {
	halted, gate := make(chan struct{}), make(chan struct{})
	l.slow.reactor.Post(netpoll.TaskFunc(func(*netpoll.Reactor) {
		close(halted)
		<-gate
	}))
	<-halted
	proceed = sync.OnceFunc(func() { close(gate) })
	l.t.Cleanup(proceed)
	return proceed
}

func eachLoopHub(t *testing.T, f func(t *testing.T, l *loopHub)) {
	t.Helper()
	for _, engine := range []Engine{EngineEpoll, EngineEasygo, EngineParked, EngineGoroutine} {
		t.Run("engine="+engine.String(), func(t *testing.T) { f(t, newLoopHub(t, engine)) })
	}
}

func TestASpokeIsNotReadWhileTheReactorItRelaysToIsBehind(t *testing.T) {
	eachLoopHub(t, func(t *testing.T, l *loopHub) {
		publisher, spoke := l.joinElsewhere()
		other, _ := l.joinElsewhere()
		proceed := l.halt()
		message := ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte(`{"type":"t","payload":"` + strings.Repeat("x", 1000) + `"}`))))
		const messages, aWrite = 1 << 10, 64
		published := make(chan error, 1)
		go func() {
			for range messages / aWrite {
				if _, err := publisher.Write(slices.Repeat(message, aWrite)); err != nil {
					published <- err
					return
				}
			}
			published <- nil
		}()
		l.until("the publisher is not read", func() bool {
			paused := false
			spoke.loop.ask(func(*netpoll.Reactor) { paused = spoke.marks&notRead != 0 })
			return paused
		})
		if got, most := l.slow.shared.inflow.backlog(), l.hub.cfg.maxInflow; got > most {
			t.Errorf("got %d bytes waiting for the reactor, want at most %d", got, most)
		}

		go other.Write(ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewPingFrame([]byte("!")))))
		if pong, err := ws.ReadFrame(other); err != nil || pong.Header.OpCode != ws.OpPong {
			t.Errorf("got frame %v and error %v, want who relays nothing to that reactor served", pong.Header, err)
		}

		proceed()
		select {
		case err := <-published:
			if err != nil {
				t.Errorf("got %v, want the publisher read to its end", err)
			}
		case <-time.After(patience):
			t.Fatal("got the publisher still waiting, want it read again")
		}
		l.until("all is relayed", func() bool { return l.hub.Stats().EventsRelayed == messages })
		l.until("the reactor has caught up", func() bool { return l.hub.Stats().Waiting == 0 })
	})
}

func TestASpokeThatListenersHearIsPausedToo(t *testing.T) {
	t.Parallel()
	eachLoopHub(t, func(t *testing.T, l *loopHub) {
		if _, err := l.hub.AddEventListener("t", func(*Spoke, event.Event) {}); err != nil {
			t.Fatal(err)
		}
		publisher, spoke := l.joinElsewhere()
		defer l.halt()()
		message := ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte(`{"type":"t","payload":"` + strings.Repeat("x", 1000) + `"}`))))
		go func() {
			for range 1 << 10 {
				if _, err := publisher.Write(slices.Repeat(message, 64)); err != nil {
					return
				}
			}
		}()
		waiting := func() (n int) {
			spoke.loop.ask(func(*netpoll.Reactor) { n = len(spoke.loop.flow.waiting) })
			return n
		}
		l.until("the publisher waits", func() bool { return waiting() > 0 })
		for range 10_000 {
			waiting()
		}
		if got, most := l.slow.shared.inflow.backlog(), l.hub.cfg.maxInflow; got > most {
			t.Errorf("got %d bytes waiting for the reactor and %d waiters, want at most %d bytes and one waiter", got, waiting(), most)
		}
	})
}

func TestWhoWaitsForOneReactorIsNotResumedByAnother(t *testing.T) {
	eachLoopHub(t, func(t *testing.T, l *loopHub) {
		publisher, spoke := l.joinElsewhere()
		proceed := l.halt()
		defer proceed()
		message := ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte(`{"type":"t","payload":"` + strings.Repeat("x", 1000) + `"}`))))
		go func() {
			for range 1 << 10 {
				if _, err := publisher.Write(slices.Repeat(message, 64)); err != nil {
					return
				}
			}
		}()
		waits := func() bool {
			n := 0
			spoke.loop.ask(func(*netpoll.Reactor) { n = len(spoke.loop.flow.waiting) })
			return n > 0
		}
		for range 100 {
			l.until("the publisher is not read", waits)
			spoke.loop.reactor.Post(roomAhead{})
		}
		l.until("the publisher is not read", waits)
		if got, most := l.slow.shared.inflow.backlog(), l.hub.cfg.maxInflow; got > most {
			t.Errorf("got %d bytes waiting for the reactor that stands still, want at most %d", got, most)
		}
	})
}

func TestWhoDispatchesToAReactorThatIsBehindIsNotStopped(t *testing.T) {
	eachLoopHub(t, func(t *testing.T, l *loopHub) {
		proceed := l.halt()
		e := event.Event{Type: "t", Payload: []byte(`"` + strings.Repeat("x", 32<<10) + `"`)}
		events := int(l.hub.cfg.maxInflow)/len(e.Payload) + 3
		for range events {
			l.hub.DispatchEvent(e)
		}
		if got, least := l.slow.shared.inflow.backlog(), int64(events*len(e.Payload)); got < least {
			t.Errorf("got %d bytes waiting, want at least the %d of the payloads", got, least)
		}
		proceed()
		l.until("the reactor has caught up", func() bool { return l.hub.Stats().Waiting == 0 })
	})
}

func TestWhatMayWaitForAReactorKeepsWithinTheBudget(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Config
		want int64
	}{
		"a part of a queue":     {Config{Reactors: 2, QueueLimit: 1 << 20, MemoryBudget: 1 << 30}, 128 << 10},
		"a share of the budget": {Config{Reactors: 4, QueueLimit: 1 << 20, MemoryBudget: 1 << 20}, 64 << 10},
		"and some at the least": {Config{Reactors: 4, QueueLimit: 1 << 10, MemoryBudget: 1 << 20}, 16 << 10},
	} {
		if got := inflowLimit(c.cfg.QueueLimit, c.cfg.MemoryBudget, c.cfg.Reactors); got != c.want {
			t.Errorf("%s: got %d bytes, want %d", name, got, c.want)
		}
	}
}

func TestNothingWaitsForAHubThatHasEnded(t *testing.T) {
	l := newLoopHub(t, EngineDefault)
	_, spoke := l.join()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	_ = l.hub.Shutdown(now)
	spoke.DispatchEvent(event.Event{Type: "t"})
	if got := spoke.loop.shared.inflow.backlog(); got != 0 {
		t.Errorf("got %d bytes waiting, want none", got)
	}
}
