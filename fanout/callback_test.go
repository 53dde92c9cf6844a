package fanout_test

import (
	"context"
	"net"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestPromise9APanicInACallbackCostsOneLogLineAndNothingElse(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, QueueLimit: 1 << 10,
			OnConnection:    func(*fanout.Spoke, net.Conn) { panic("OnConnection") },
			OnDisconnection: func(*fanout.Spoke, net.Conn, fanout.Cause) { panic("OnDisconnection") },
			OnBackpressure:  func(*fanout.Spoke, fanout.Backpressure) { panic("OnBackpressure") },
			OnEvent:         func(*fanout.Spoke, event.Event) { panic("OnEvent") },
			OnSubscribe:     func(*fanout.Spoke, string) error { panic("OnSubscribe") },
		})
		h.listen("t", func(*fanout.Spoke, event.Event) { panic("listener") })
		heard := h.hear("t")
		c, spoke := h.join()
		if _, err := spoke.AddEventListener("t", func(*fanout.Spoke, event.Event) { panic("own") }); err != nil {
			t.Fatal(err)
		}
		const events = 10
		for range events {
			c.text(envelope("t", "", "0"))
			receive(t, heard, "the event behind the panics")
		}
		c.text(envelope("__subscribe", "1", `{"topic":"a"}`))
		c.wants(reject("1", "a", "forbidden"))
		spoke.DispatchEvent(event.Event{Type: "t", Payload: []byte(jsonOf(make([]int, 1<<10)))})
		c.closedWith(1013)
		c.conn.Close()
		receive(t, h.gone, "OnDisconnection")
		const panics = 1 + 3*events + 1 + 2
		until(t, "all panics are counted", func() bool { return h.hub.Stats().Panics == panics })
		until(t, "each panic is logged", func() bool { return h.log.count("ERROR", "callback panicked") == panics })
	})
}

func TestPromise9CallbacksOfOneConnectionNeverOverlapAndBlockNoOther(t *testing.T) {
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		proceed := make(chan struct{})
		entered := make(chan *fanout.Spoke, 100)
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, Workers: 8})
		h.listen("block", func(s *fanout.Spoke, _ event.Event) {
			entered <- s
			<-proceed
		})
		heard := h.hear("t")
		var blockers []*client
		for range 6 {
			c, _ := h.join()
			blockers = append(blockers, c)
			c.text(envelope("block", "", "0"), envelope("t", "", `"late"`))
			receive(t, entered, "a blocked callback")
		}
		quick, _ := h.join()
		quick.subscribe("news")
		for i := range 50 {
			quick.text(envelope("t", "", strconv.Itoa(i)))
			expect(t, "heard", receive(t, heard, "an event of another"), "t  "+strconv.Itoa(i))
			h.hub.DispatchEvent(event.Event{Type: "news"})
			quick.wants(envelope("news", "", "null"))
		}
		for _, c := range blockers {
			c.sync()
		}
		close(proceed)
		for range blockers {
			expect(t, "heard", receive(t, heard, "an event behind a blocked one"), `t  "late"`)
		}
	})
}

func TestPromise9ACallbackMayCallAnyMethod(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(h *testHub, s *fanout.Spoke){
		"RemoveConnection on itself": func(h *testHub, s *fanout.Spoke) {
			if conn, err := h.hub.RemoveConnection(s.Conn()); err == nil {
				conn.Close()
			}
		},
		"RemoveConnection on others": func(h *testHub, s *fanout.Spoke) {
			for other := range h.hub.Spokes() {
				if conn, err := h.hub.RemoveConnection(other.Conn()); err == nil {
					conn.Close()
				}
			}
		},
		"Close on itself": func(_ *testHub, s *fanout.Spoke) { s.Close(1000, "") },
		"Close on others": func(h *testHub, _ *fanout.Spoke) {
			for other := range h.hub.Spokes() {
				other.Close(1000, "")
			}
		},
		"Close of the raw connection": func(_ *testHub, s *fanout.Spoke) { s.Conn().Close() },
		"dispatching": func(h *testHub, s *fanout.Spoke) {
			for range 10 {
				h.hub.DispatchEvent(event.Event{Type: "t"})
				h.hub.Relay(s, event.Event{Type: "t"})
				s.DispatchEvent(event.Event{Type: "t"})
			}
		},
		"asking": func(h *testHub, s *fanout.Spoke) {
			h.hub.Stats()
			s.BufferedAmount()
			s.Subscriptions()
			s.Conn().LocalAddr()
			s.SetValue(s.Value())
			for range h.hub.Spokes() {
				continue
			}
			for range h.hub.Topics() {
				continue
			}
		},
		"AddEventListener and its removal": func(h *testHub, s *fanout.Spoke) {
			for _, add := range []func(string, func(*fanout.Spoke, event.Event)) (func(), error){h.hub.AddEventListener, s.AddEventListener} {
				if remove, err := add("t", func(*fanout.Spoke, event.Event) {}); err == nil {
					remove()
				}
			}
		},
		"AddConnection": func(h *testHub, _ *fanout.Spoke) {
			here, there := net.Pipe()
			here.Close()
			_, _ = h.hub.AddConnection(there)
		},
		"Shutdown": func(h *testHub, _ *fanout.Spoke) {
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			_ = h.hub.Shutdown(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
				callbacks := map[string]string{}
				for _, where := range []string{"OnConnection", "OnEvent", "listener", "OnBackpressure", "OnDisconnection", "OnSubscribe", "OnPublish"} {
					if name == "AddConnection" && where != "listener" {
						continue
					}
					if name == "Shutdown" && where != "listener" && where != "OnDisconnection" {
						continue
					}
					callbacks[where] = where
				}
				atOnce(t, callbacks, func(t *testing.T, where string) { actIn(t, engine, where, act) })
			})
		})
	}
}

func actIn(t *testing.T, engine fanout.Engine, where string, act func(*testHub, *fanout.Spoke)) {
	t.Helper()
	acted := make(chan string, 100)
	var h *testHub
	ready := make(chan struct{})
	do := func(here string, s *fanout.Spoke) {
		<-ready
		if here == where {
			act(h, s)
			acted <- here
		}
	}
	h = newTestHub(t, fanout.Config{Engine: engine, QueueLimit: 64 << 10, CloseTimeout: 200 * time.Millisecond,
		OnConnection:    func(s *fanout.Spoke, _ net.Conn) { do("OnConnection", s) },
		OnEvent:         func(s *fanout.Spoke, _ event.Event) { do("OnEvent", s) },
		OnBackpressure:  func(s *fanout.Spoke, _ fanout.Backpressure) { do("OnBackpressure", s) },
		OnDisconnection: func(s *fanout.Spoke, _ net.Conn, _ fanout.Cause) { do("OnDisconnection", s) },
		OnSubscribe: func(s *fanout.Spoke, _ string) error {
			do("OnSubscribe", s)
			return nil
		},
		OnPublish: func(s *fanout.Spoke, _ event.Event) error {
			do("OnPublish", s)
			return nil
		},
	})
	h.listen("t", func(s *fanout.Spoke, _ event.Event) { do("listener", s) })
	close(ready)
	bystander, _ := h.join()
	c, spoke := h.join()
	for _, peer := range []*client{bystander, c} {
		_, _ = peer.conn.Write(frames(clientFrame(fin|opText, envelope("__subscribe", "", `{"topic":"t"}`)), clientFrame(fin|opText, envelope("t", "", "0"))))
	}
	if where == "OnBackpressure" {
		spoke.DispatchEvent(event.Event{Type: "t", Payload: []byte(jsonOf(make([]int, 40<<10)))})
	}
	if where == "OnDisconnection" {
		_, _ = c.conn.Write(clientFrame(fin|opClose, ""))
	}
	expect(t, "acted in", receive(t, acted, where), where)
	h.cut()
	for range 2 {
		receive(t, h.gone, "OnDisconnection of both")
	}
}

func TestPromise9AFullPoolPausesReadingAndLosesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		proceed, entered := make(chan struct{}), make(chan struct{}, 1)
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, Workers: 1})
		h.listen("block", func(*fanout.Spoke, event.Event) {
			entered <- struct{}{}
			<-proceed
		})
		heard := h.hear("t")
		blocker, _ := h.join()
		blocker.text(envelope("block", "", "0"))
		receive(t, entered, "the only worker to block")
		c, _ := h.join()
		const events = 5000
		sent := make(chan error, 1)
		go func() {
			var err error
			for i := 0; i < events && err == nil; i++ {
				_, err = c.conn.Write(clientFrame(fin|opText, envelope("t", strconv.Itoa(i), string(filler.Payload))))
			}
			sent <- err
		}()
		var last uint64
		until(t, "reading pauses", func() bool {
			now := h.hub.Stats().EventsIn
			paused := now > 1 && now == last && now < events
			last = now
			return paused
		})
		expect(t, "heard while the pool is full", len(heard), 0)
		news, _ := h.join()
		news.sync()
		close(proceed)
		for i := range events {
			expect(t, "heard", receive(t, heard, "an event"), "t "+strconv.Itoa(i)+" "+string(filler.Payload))
		}
		if err := receive(t, sent, "the end of sending"); err != nil {
			t.Errorf("send: %v", err)
		}
	})
}

func TestPromise9OnDisconnectionComesEvenWhenShutdownDidNotWaitForIt(t *testing.T) {
	t.Parallel()
	eachEngineAtOnce(t, func(t *testing.T, engine fanout.Engine) {
		proceed, entered := make(chan struct{}), make(chan struct{}, 1)
		h := newTestHub(t, fanout.Config{Engine: engine})
		h.listen("block", func(*fanout.Spoke, event.Event) {
			entered <- struct{}{}
			<-proceed
		})
		heard := h.hear("t")
		c, _ := h.join()
		c.text(envelope("block", "", "0"), envelope("t", "", "1"))
		receive(t, entered, "the callback to block")
		c.text(envelope("t", "", "2"))
		c.sync()
		h.cut()
		expect(t, "disconnects while a callback runs", len(h.gone), 0)
		close(proceed)
		for _, want := range []string{"t  1", "t  2"} {
			expect(t, "heard", receive(t, heard, want), want)
		}
		receive(t, h.gone, "OnDisconnection")
	})
}

func TestPromise9ACallbackThatEndsItsGoroutineCostsNothingElse(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Workers: 1})
		remove, err := h.hub.AddEventListener("end", func(*fanout.Spoke, event.Event) { runtime.Goexit() })
		if err != nil {
			t.Fatal(err)
		}
		defer remove()
		heard := h.hear("t")
		c, _ := h.join()
		const rounds = 3
		for i := range rounds {
			c.text(envelope("end", "", "0"), envelope("t", "", strconv.Itoa(i)))
			expect(t, "heard", receive(t, heard, "the event behind it"), "t  "+strconv.Itoa(i))
		}
		until(t, "each is logged", func() bool { return h.log.count("ERROR", "callback ended its goroutine") == rounds })
	})
}
