package fanout_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// drain starts Shutdown, so that any other call of it comes later, and returns what tells of its end.
func drain(h *testHub, ctx context.Context) <-chan error {
	done := make(chan error, 1)
	go func() { done <- h.hub.Shutdown(ctx) }()
	until(h.t, "Shutdown has begun", h.hub.IsEnding)
	return done
}

func TestShutdownFlushesQueuesAndClosesWith1012(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(fanout.Engine) fanout.Config { return fanout.Config{QueueLimit: 64 << 20} }, func(t *testing.T, h *testHub, c *client) {
		c.subscribe("t", "filler")
		const events = 3000
		for i := range events {
			h.hub.DispatchEvent(event.Event{Type: "t", ID: strconv.Itoa(i), Payload: filler.Payload})
		}
		done := drain(h, context.Background())
		messages, code, reason := c.closing()
		expect(t, "code", code, 1012)
		retryHint(t, reason)
		expect(t, "events before the close", len(messages), events)
		for i, m := range messages {
			if want := envelope("t", strconv.Itoa(i), string(filler.Payload)); m != want {
				t.Fatalf("got %.80q as event %d, want %.80q", m, i, want)
			}
		}
		c.conn.Close()
		if err := receive(t, done, "the end of Shutdown"); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		expect(t, "cause", receive(t, h.gone, "OnDisconnection").cause.Kind, fanout.CauseShutdown)
		st := h.hub.Stats()
		expect(t, "delivered", st.Delivered, events)
	})
}

func TestShutdownIsSpreadOverTheDrainPeriod(t *testing.T) {
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		const period = 3 * time.Second
		h := newTestHub(t, fanout.Config{Engine: engine, DrainPeriod: period})
		const spokes = 40
		type end struct {
			at   time.Time
			hint time.Duration
		}
		ends := make(chan end, spokes)
		for range spokes {
			c, _ := h.join()
			c.sync()
			go func() {
				for {
					f, err := c.next()
					if err != nil {
						t.Errorf("read: %v", err)
						ends <- end{}
						return
					}
					if f.op == opClose {
						at := time.Now()
						c.conn.Close()
						ends <- end{at, retryHint(t, f.payload[2:])}
						return
					}
				}
			}()
		}
		done := drain(h, context.Background())
		var ats []time.Time
		var hints []time.Duration
		for range spokes {
			e := receive(t, ends, "a close")
			ats, hints = append(ats, e.at), append(hints, e.hint)
		}
		if err := receive(t, done, "the end of Shutdown"); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		slices.SortFunc(ats, time.Time.Compare)
		if spread := ats[spokes-1].Sub(ats[0]); spread < period/4 {
			t.Errorf("got all closes within %v, want them spread over %v", spread, period)
		}
		if spread := slices.Max(hints) - slices.Min(hints); spread < period/4 {
			t.Errorf("got all hints within %v, want them spread too", spread)
		}
	})
}

func TestShutdownWaitsForTheGracePeriodAndServesMeanwhile(t *testing.T) {
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		const grace = 5 * time.Second
		h := newTestHub(t, fanout.Config{Engine: engine, DrainGrace: grace})
		address := h.serve()
		c := dial(t, "tcp", address).handshake().subscribe("t")
		started := time.Now()
		done := drain(h, context.Background())
		h.hub.DispatchEvent(event.Event{Type: "t"})
		c.wants(envelope("t", "", "null"))
		c.closedWith(1012)
		if took := time.Since(started); took < grace {
			t.Errorf("got the close after %v, want the grace period first", took)
		}
		_, there := pair(t, "tcp")
		if _, err := h.hub.AddConnection(there); !errors.Is(err, fanout.ErrClosed) {
			t.Errorf("got %v for a connection behind the grace period, want ErrClosed", err)
		}
		c.conn.Close()
		receive(t, done, "the end of Shutdown")
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			t.Error("got a connection after Shutdown, want none accepted")
		}
	})
}

func TestTheGracePeriodLetsClientsInWhetherOrNotAnyIsThere(t *testing.T) {
	for _, e := range entries {
		t.Run(e.name, func(t *testing.T) {
			h := newTestHub(t, fanout.Config{DrainGrace: time.Hour})
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			done := drain(h, ctx)
			for range 2 {
				c := e.dial(h).subscribe("t")
				h.hub.DispatchEvent(event.Event{Type: "t"})
				c.wants(envelope("t", "", "null"))
			}
			expect(t, "ends meanwhile", len(done), 0)
			cancel()
			if err := receive(t, done, "the end of Shutdown"); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want the error of the context that cut two clients off", err)
			}
		})
	}
}

func TestTheGracePeriodIsCutShort(t *testing.T) {
	for name, cut := range map[string]func(h *testHub, cancel func()){
		"by its own context":               func(_ *testHub, cancel func()) { cancel() },
		"by a second call whose time ends": func(h *testHub, _ func()) { h.cut() },
	} {
		t.Run(name, func(t *testing.T) {
			h := newTestHub(t, fanout.Config{DrainGrace: time.Hour})
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			done := drain(h, ctx)
			c := entries[0].dial(h).subscribe("t")
			cut(h, cancel)
			if err := receive(t, done, "the end of Shutdown"); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want the error of the context", err)
			}
			c.cutOff()
			_, there := pair(t, "tcp")
			if _, err := h.hub.AddConnection(there); !errors.Is(err, fanout.ErrClosed) {
				t.Errorf("got %v for a connection that comes later, want ErrClosed", err)
			}
		})
	}
}

func TestShutdownCutsOffWhenItsContextEnds(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, CloseTimeout: time.Hour, QueueLimit: 64 << 20, SendBuffer: 16 << 10})
		c, spoke := h.join()
		fillWithin(t, 64<<10, c, spoke, 1)
		idle, _ := h.join()
		idle.sync()
		ctx, cancel := context.WithCancel(context.Background())
		done := drain(h, ctx)
		idle.closing()
		expect(t, "ends meanwhile", len(done), 0)
		second := drain(h, context.Background())
		cancel()
		if err := receive(t, done, "the end of Shutdown"); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the error of the context", err)
		}
		if err := receive(t, second, "the end of a second Shutdown"); err != nil {
			t.Errorf("second shutdown: %v", err)
		}
		c.cutOff()
		idle.cutOff()
		for range 2 {
			expect(t, "cause", receive(t, h.gone, "OnDisconnection").cause.Kind, fanout.CauseShutdown)
		}
	})
}

func TestShutdownEndsAtOnceForASecondCallWithAnEndedContext(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, CloseTimeout: time.Hour, DrainGrace: time.Hour})
		c, _ := h.join()
		c.sync()
		grace := drain(h, context.Background())
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if err := h.hub.Shutdown(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v from the second call, want the error of its context", err)
		}
		c.cutOff()
		receive(t, grace, "the end of the first call")
	})
}

func TestShutdownRefusesUnfinishedHandshakes(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		slow := dial(t, "tcp", h.serve())
		slow.write([]byte(handshakeHead))
		until(t, "the unfinished handshake is accepted", func() bool { return h.hub.Stats().Connections == 1 })
		done := drain(h, context.Background())
		expect(t, "status", slow.response().StatusCode, http.StatusServiceUnavailable)
		slow.conn.Close()
		if err := receive(t, done, "the end of Shutdown"); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
}

func TestShutdownOfAnEmptyHubIsQuickAndCanBeRepeated(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, DrainPeriod: time.Hour})
		for range 3 {
			if err := h.hub.Shutdown(context.Background()); err != nil {
				t.Errorf("shutdown: %v", err)
			}
		}
		expect(t, "reactors in the last statistics", h.hub.Stats().Reactors, 2)
		for range h.hub.Spokes() {
			t.Error("got a spoke after the end, want none")
		}
	})
}

func TestShutdownUnderAStormOfArrivalsEnds(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		for range 10 {
			h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 3, CloseTimeout: 200 * time.Millisecond})
			address := h.serve()
			var ends []chan struct{}
			enough := make(chan struct{}, 1<<10)
			for range 8 {
				ended := make(chan struct{})
				ends = append(ends, ended)
				go func() {
					defer close(ended)
					for {
						conn, err := net.DialTimeout("tcp", address, patience)
						if err != nil {
							return
						}
						_ = conn.SetDeadline(time.Now().Add(patience))
						_, _ = conn.Write([]byte(handshakeRequest))
						_, _ = conn.Read(make([]byte, 1))
						conn.Close()
						select {
						case enough <- struct{}{}:
						default:
						}
					}
				}()
			}
			for range 50 {
				receive(t, enough, "an arrival")
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			if err := h.hub.Shutdown(ctx); err != nil {
				t.Errorf("shutdown: %v", err)
			}
			cancel()
			for _, ended := range ends {
				<-ended
			}
		}
	})
}
