package fanouttest_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
)

var (
	tick   = event.Event{Type: "tick", ID: "1", Payload: []byte("[1]")}
	filler = event.Event{Type: "tick", Payload: []byte(`"` + strings.Repeat("x", 1<<10) + `"`)}
)

func TestEventsReachSubscribersAlone(t *testing.T) {
	hub := fanouttest.New(t, fanout.Config{})
	ofType, ofID, other := hub.Connect(), hub.Connect(), hub.Connect()
	ofType.Subscribe("tick")
	ofID.Subscribe("tick:2", "tick:1")
	other.Subscribe("tick:2", "news")
	hub.DispatchEvent(tick)
	hub.DispatchEvent(event.Event{Type: "tick"})
	ofType.Expect(tick, event.Event{Type: "tick"})
	ofID.Expect(tick)
	ofID.ExpectNone()
	other.ExpectNone()
	ofType.Unsubscribe("tick", "never subscribed")
	hub.DispatchEvent(tick)
	ofType.ExpectNone()
}

func TestRelayedEventsReachTheOthers(t *testing.T) {
	hub := fanouttest.New(t, fanout.Config{Relay: true, Binary: true})
	sender, receiver := hub.Connect(), hub.Connect()
	sender.Subscribe("tick")
	receiver.Subscribe("tick")
	for range 3 {
		sender.Send(tick)
	}
	receiver.Expect(tick, tick, tick)
	receiver.ExpectNone()
	sender.ExpectNone()
}

func TestRejectedTopicsAreReturned(t *testing.T) {
	hub := fanouttest.New(t, fanout.Config{MaxTopics: 3})
	client := hub.Connect()
	client.Subscribe("one", "two")
	got := client.TrySubscribe("tick", "a:", "news")
	if len(got) != 2 || got["a:"] != event.InvalidTopic || got["news"] != event.Limit {
		t.Errorf("got the rejections %v, want a: for %s and news for %s", got, event.InvalidTopic, event.Limit)
	}
	if got := client.TrySubscribe(":a", ":a"); got[":a"] != event.InvalidTopic {
		t.Errorf("got the rejections %v, want :a for %s", got, event.InvalidTopic)
	}
	if got := client.TrySubscribe("one", "two", "tick", "one"); len(got) != 1 || got[""] != event.Limit {
		t.Errorf("got the rejections %v of too many topics, want one of none for %s", got, event.Limit)
	}
	client.Subscribe("tick")
}

func TestQuietWaitsForCallbacksAndForWhatTheyDispatch(t *testing.T) {
	for name, listen := range map[string]func(*fanouttest.Hub, func()){
		"a listener": func(hub *fanouttest.Hub, act func()) {
			_, _ = hub.AddEventListener("order", func(*fanout.Spoke, event.Event) { act() })
		},
		"a listener that answers in turn": func(hub *fanouttest.Hub, act func()) {
			_, _ = hub.AddEventListener("order", func(s *fanout.Spoke, _ event.Event) {
				time.Sleep(time.Second)
				act()
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := fanouttest.New(t, fanout.Config{})
				returned := false
				listen(hub, func() {
					time.Sleep(time.Second)
					hub.DispatchEvent(tick)
					returned = true
				})
				client := hub.Connect()
				client.Subscribe("tick")
				client.Send(event.Event{Type: "order"})
				hub.Quiet()
				if !returned {
					t.Error("got a quiet hub while the listener ran, want none")
				}
				client.Expect(tick)
				client.ExpectNone()
			})
		})
	}
}

func TestAStalledClientGetsWhatWasQueuedWhenItReadsOn(t *testing.T) {
	hub := fanouttest.New(t, fanout.Config{})
	stalled, reading := hub.Connect(), hub.Connect()
	stalled.Subscribe("tick")
	reading.Subscribe("tick")
	stalled.Stall()
	stalled.Stall()
	const events = 200
	for range events {
		hub.DispatchEvent(filler)
	}
	for range events {
		reading.Expect(filler)
	}
	hub.Quiet()
	if got := stalled.Spoke().BufferedAmount(); got < 10<<10 {
		t.Errorf("got %d bytes queued for the stalled client, want most of %d", got, events<<10)
	}
	stalled.Resume()
	for range events {
		stalled.Expect(filler)
	}
	stalled.ExpectNone()
}

func TestEndsAreSeenByBothSides(t *testing.T) {
	for name, c := range map[string]struct {
		end    func(*fanouttest.Hub, *fanouttest.Client)
		code   uint16
		reason string
		cause  fanout.CauseKind
	}{
		"the client closes":  {func(_ *fanouttest.Hub, c *fanouttest.Client) { c.Close() }, 1000, "", fanout.CausePeerClosed},
		"the client crashes": {func(_ *fanouttest.Hub, c *fanouttest.Client) { c.Cut() }, 1006, "", fanout.CausePeerGone},
		"the hub closes": {func(_ *fanouttest.Hub, c *fanouttest.Client) { c.Spoke().Close(4403, "not you") }, 4403, "not you",
			fanout.CauseClosed},
		"a client that stalls closes": {func(_ *fanouttest.Hub, c *fanouttest.Client) {
			c.Stall()
			c.Close()
		}, 1000, "", fanout.CausePeerClosed},
		"a client that stalls crashes": {func(_ *fanouttest.Hub, c *fanouttest.Client) {
			c.Stall()
			c.Cut()
		}, 1006, "", fanout.CausePeerGone},
		"the queue is full": {func(hub *fanouttest.Hub, c *fanouttest.Client) {
			c.Stall()
			for hub.Stats().Backpressure == 0 {
				hub.DispatchEvent(filler)
			}
			c.Resume()
		}, 1013, "", fanout.CauseBackpressure},
	} {
		t.Run(name, func(t *testing.T) {
			causes := make(chan fanout.Cause, 1)
			hub := fanouttest.New(t, fanout.Config{
				QueueLimit:      8 << 10,
				OnDisconnection: func(_ *fanout.Spoke, _ net.Conn, cause fanout.Cause) { causes <- cause },
			})
			client := hub.Connect()
			client.Subscribe("tick")
			c.end(hub, client)
			code, reason := client.Closed()
			if code != c.code || c.reason != "" && reason != c.reason {
				t.Errorf("got the close code %d (%s), want %d (%s)", code, reason, c.code, c.reason)
			}
			if cause := <-causes; cause.Kind != c.cause {
				t.Errorf("got the cause %v, want %v", cause, c.cause)
			}
		})
	}
}

func TestEventsBeforeTheEndCanStillBeRead(t *testing.T) {
	hub := fanouttest.New(t, fanout.Config{})
	client := hub.Connect()
	client.Subscribe("tick")
	hub.DispatchEvent(tick)
	client.Spoke().Close(1000, "")
	client.Closed()
	client.Expect(tick)
}

func TestPingIntervalAndPeerTimeoutPassInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause atomic.Pointer[fanout.Cause]
		hub := fanouttest.New(t, fanout.Config{
			PingInterval:    25 * time.Second,
			PeerTimeout:     60 * time.Second,
			CloseTimeout:    time.Minute,
			OnDisconnection: func(_ *fanout.Spoke, _ net.Conn, c fanout.Cause) { cause.Store(&c) },
		})
		client := hub.Connect()
		time.Sleep(time.Hour)
		if got := hub.Stats().Pings; got < 100 || got > 144 {
			t.Errorf("got %d pings in an hour, want one in 25 s", got)
		}
		client.Stall()
		stalled := time.Now()
		time.Sleep(34 * time.Second)
		if got := cause.Load(); got != nil {
			t.Errorf("got the end of a client that stalls after %v: %v, want none before 60 s of silence", time.Since(stalled), got)
		}
		time.Sleep(27 * time.Second)
		if got := cause.Load(); got == nil || got.Kind != fanout.CauseSilent {
			t.Errorf("got the end %v of a client that stalls after %v, want one because of silence", got, time.Since(stalled))
		}
		client.Resume()
		if code, _ := client.Closed(); code != fanout.CodeGoingAway {
			t.Errorf("got the close code %d, want %d", code, fanout.CodeGoingAway)
		}
	})
}

// TestASlowReaderIsNotSilent reads a long queue at 10 kB a second and answers nothing: it lives while it reads, and no longer.
func TestASlowReaderIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := make(chan fanout.Cause, 1)
		hub := fanouttest.New(t, fanout.Config{
			OnDisconnection: func(_ *fanout.Spoke, _ net.Conn, c fanout.Cause) { gone <- c },
		})
		ours, peer := net.Pipe()
		defer peer.Close()
		spoke, err := hub.AddConnection(ours)
		if err != nil {
			t.Fatal(err)
		}
		const size, count, rate = 10_000, 95, 10_000
		for range count {
			spoke.DispatchEvent(event.Event{Type: "tick", Payload: []byte(`"` + strings.Repeat("x", size) + `"`)})
		}
		for second := range size * count / rate {
			if _, err := io.ReadFull(peer, make([]byte, rate)); err != nil {
				t.Fatalf("got %v after %d seconds of reading, want the rest of the queue", err, second)
			}
			time.Sleep(time.Second)
		}
		if got := hub.Stats().Pings; got < 1 || got > 4 {
			t.Errorf("got %d pings in 95 seconds, want one in 25", got)
		}
		go io.Copy(io.Discard, peer)
		read := time.Now()
		if cause := <-gone; cause.Kind != fanout.CauseSilent {
			t.Errorf("got the end %v, want one because of silence", cause)
		}
		if took := time.Since(read); took < 30*time.Second || took > 86*time.Second {
			t.Errorf("got the end %v after the last of the queue, want it at about the peer timeout", took)
		}
	})
}

func TestADrainPassesInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := fanouttest.New(t, fanout.Config{DrainGrace: 30 * time.Second, DrainPeriod: 5 * time.Minute})
		client := hub.Connect()
		began := time.Now()
		if err := hub.Shutdown(t.Context()); err != nil {
			t.Fatalf("shutdown: %v", err)
		}
		if took := time.Since(began); took < 30*time.Second || took > 6*time.Minute {
			t.Errorf("got a drain of %v, want one of 30 s to 5 min 30 s", took)
		}
		if code, _ := client.Closed(); code != fanout.CodeRestart {
			t.Errorf("got the close code %d, want %d", code, fanout.CodeRestart)
		}
	})
}

// failingTB keeps what would fail a test.
type failingTB struct {
	testing.TB
	failure chan string
}

// Fatalf ends the goroutine like that of a *testing.T.
func (f *failingTB) Fatalf(format string, args ...any) {
	f.failure <- strings.TrimSpace(fmt.Sprintf(format, args...))
	runtime.Goexit()
}

func TestFailuresSayWhatWasAwaitedAndWhatCame(t *testing.T) {
	for name, c := range map[string]struct {
		act  func(*fanouttest.Hub, *fanouttest.Client)
		want string
	}{
		"no event": {func(_ *fanouttest.Hub, c *fanouttest.Client) { c.Next() }, "waited 5s for the next event, got nothing"},
		"none of the expected": {func(_ *fanouttest.Hub, c *fanouttest.Client) { c.Expect(tick) },
			`waited 5s for {"type":"tick","id":"1","payload":[1]}, got nothing`},
		"another event": {func(h *fanouttest.Hub, c *fanouttest.Client) {
			h.DispatchEvent(event.Event{Type: "tick"})
			c.Expect(tick)
		}, `got the event {"type":"tick","id":"","payload":null}, want {"type":"tick","id":"1","payload":[1]}`},
		"an event where none was expected": {func(h *fanouttest.Hub, c *fanouttest.Client) {
			h.DispatchEvent(tick)
			h.DispatchEvent(tick)
			c.ExpectNone()
		}, `got the event {"type":"tick","id":"1","payload":[1]} and 1 more, want none`},
		"the end": {func(_ *fanouttest.Hub, c *fanouttest.Client) {
			c.Spoke().Close(4403, "not you")
			c.Next()
		}, "waited for the next event, got the end of the connection: close code 4403, reason not you"},
		"no end":           {func(_ *fanouttest.Hub, c *fanouttest.Client) { c.Closed() }, "waited 5s for the end of the connection, got nothing"},
		"a rejected topic": {func(_ *fanouttest.Hub, c *fanouttest.Client) { c.Subscribe("a:") }, `subscribe ["a:"]: got rejections map[a::invalid_topic], want none`},
		"an invalid event": {func(_ *fanouttest.Hub, c *fanouttest.Client) { c.Send(event.Event{}) }, "send: " + event.Event{}.Validate().Error()},
		"sending behind the end": {func(_ *fanouttest.Hub, c *fanouttest.Client) {
			c.Close()
			c.Send(event.Event{Type: "a"})
		}, `send {"type":"a","id":"","payload":null}: close code 1000`},
		"a hub that is not quiet": {func(h *fanouttest.Hub, c *fanouttest.Client) {
			_, _ = h.AddEventListener("a", func(*fanout.Spoke, event.Event) { time.Sleep(5500 * time.Millisecond) })
			c.Send(event.Event{Type: "a"})
			h.Quiet()
		}, "waited 5s for a quiet hub, got"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failing := &failingTB{TB: t, failure: make(chan string, 1)}
				hub := fanouttest.New(failing, fanout.Config{})
				client := hub.Connect()
				client.Subscribe("tick")
				go func() {
					defer close(failing.failure)
					c.act(hub, client)
				}()
				if got := <-failing.failure; !strings.HasPrefix(got, c.want) {
					t.Errorf("got the failure %q, want %q", got, c.want)
				}
			})
		})
	}
}
