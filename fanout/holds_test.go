package fanout

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
)

func TestAHeldTopicIsShutForWhatItsBalanceDoesNotPay(t *testing.T) {
	const limit = 64 << 10
	start, second, place := int64(limit/holdStartShare), int64(limit/holdRateShare), receivers{ofTypeAndID: 7}
	for name, c := range map[string]struct {
		held    bool
		changes []int64
		size    int64
		shut    bool
	}{
		"not if it is not held":                {false, nil, 1 << 40, false},
		"not for a short event":                {true, nil, start, false},
		"but for a longer one":                 {true, nil, start + 1, true},
		"once it is spent":                     {true, []int64{-start}, 1, true},
		"until time has given it back":         {true, []int64{-start, second}, second, false},
		"and what others spent, too":           {true, []int64{-second, second}, start + 1, true},
		"a while after very much":              {true, []int64{-1 << 40, maxDebtSeconds * second}, 1, true},
		"but not for good":                     {true, []int64{-1 << 40, maxDebtSeconds * second, second}, second, false},
		"not for what has waited for long":     {true, []int64{1 << 40}, limit / 8 * longEighths, false},
		"but for a long event to the end":      {true, []int64{1 << 40}, limit/8*longEighths + 1, true},
		"and again as soon as that is counted": {true, []int64{1 << 40, -1 << 40}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			var h holds
			h.init(limit)
			if c.held {
				h.open.Store(1)
				h.places[place.ofTypeAndID].Store(heldSpan + h.start)
			}
			for _, bytes := range c.changes {
				h.add(place.ofTypeAndID, bytes)
			}
			if got := h.isShut(place, c.size); got != c.shut {
				t.Errorf("got shut %v, want %v", got, c.shut)
			}
			if h.isShut(receivers{ofType: 8}, 1<<40) {
				t.Error("got another topic shut, want it open")
			}
		})
	}
}

// shut holds a topic back on the subscriber's loop as long as open is not called, whatever its members do.
func (l *loopHub) shut(typ string) (open func()) {
	match := l.hub.index.MatchString(typ, "")
	place := receiversOf(&match, nil).ofType
	l.slow.shared.holds.places[place].Store(heldSpan - 1<<30)
	l.slow.shared.holds.open.Add(1)
	return func() {
		l.slow.shared.holds.places[place].Store(0)
		l.slow.shared.holds.open.Add(-1)
		l.slow.notifyWaiters()
	}
}

func clientText(text string) []byte {
	return ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte(text))))
}

// follow subscribes another client on the subscriber's loop, or any other, and returns it.
func (l *loopHub) follow(topic string, onSlow bool) net.Conn {
	l.t.Helper()
	for {
		here, spoke := l.join()
		if (spoke.loop == l.slow) == onSlow {
			before := l.hub.index.Subscriptions()
			l.send(here, `{"type":"__subscribe","payload":{"topic":"`+topic+`"}}`)
			l.until("the subscription", func() bool { return l.hub.index.Subscriptions() > before })
			return here
		}
	}
}

func (l *loopHub) waiting(of *loop) (n int) {
	of.ask(func(*netpoll.Reactor) { n = len(of.flow.waiting) })
	return n
}

func (l *loopHub) wants(from net.Conn, want string) {
	l.t.Helper()
	f, err := ws.ReadFrame(from)
	if err != nil || !strings.Contains(string(f.Payload), want) {
		l.t.Errorf("got %q and error %v, want %s", f.Payload, err, want)
	}
}

func TestOnlyWhoPublishesAHeldTopicWaits(t *testing.T) {
	for name, elsewhere := range map[string]bool{"on its own loop": false, "on another loop": true} {
		t.Run(name, func(t *testing.T) {
			eachLoopHub(t, func(t *testing.T, l *loopHub) {
				held, free := l.follow("held", true), l.follow("free", true)
				open := l.shut("held")
				publisher, spoke := l.joinElsewhere()
				for !elsewhere && spoke.loop != l.slow {
					publisher, spoke = l.join()
				}
				other, _ := l.join()
				both := slices.Concat(clientText(`{"type":"held","id":"1"}`), clientText(`{"type":"free","id":"2"}`))
				if _, err := publisher.Write(both); err != nil {
					t.Fatal(err)
				}
				l.until("the publisher waits", func() bool { return l.waiting(spoke.loop) == 1 })
				l.send(other, `{"type":"free","id":"3"}`)
				l.wants(free, `"id":"3"`)
				if l.hub.DispatchEvent(event.Event{Type: "held", ID: "4"}); l.waiting(spoke.loop) != 1 {
					t.Error("got nobody waiting, want the publisher still")
				}
				l.wants(held, `"id":"4"`)
				open()
				l.wants(held, `"id":"1"`)
				l.wants(free, `"id":"2"`)
				if got := spoke.loop.kept(); got != 0 {
					t.Errorf("got %d bytes kept once nobody waits, want none", got)
				}
			})
		})
	}
}

func TestWhatASpokeWaitsWithIsChargedToIt(t *testing.T) {
	eachLoopHub(t, func(t *testing.T, l *loopHub) {
		l.follow("held", true)
		open := l.shut("held")
		publisher, spoke := l.joinElsewhere()
		_, bystander := l.join()
		l.send(publisher, `{"type":"held","payload":"`+strings.Repeat("x", 8<<10)+`"}`)
		l.until("the publisher waits", func() bool { return l.waiting(spoke.loop) == 1 })
		held := func(s *Spoke) (n int) {
			s.loop.ask(func(*netpoll.Reactor) { n = s.loop.heldBy(s) })
			return n
		}
		if got, other := held(spoke), held(bystander); got < 8<<10 || other >= 8<<10 {
			t.Errorf("got %d bytes charged to the one that waits and %d to another, want 8 KiB and more for the first alone", got, other)
		}
		open()
		l.until("it goes on", func() bool { return l.waiting(spoke.loop) == 0 })
		if got := held(spoke); got >= 8<<10 {
			t.Errorf("got %d bytes charged once it does not wait, want none of them", got)
		}
	})
}

func (l *loop) kept() (n int64) {
	l.ask(func(*netpoll.Reactor) { n = l.flow.kept })
	return n
}

func TestAWaitingSpokeIsHandedBackWithWhatItHasNotSent(t *testing.T) {
	eachLoopHub(t, func(t *testing.T, l *loopHub) {
		held := l.follow("held", true)
		defer l.shut("held")()
		publisher, spoke := l.joinElsewhere()
		first, next := clientText(`{"type":"held","id":"1"}`), clientText("for the next owner")
		if _, err := publisher.Write(append(first, next...)); err != nil {
			t.Fatal(err)
		}
		l.until("the publisher waits", func() bool { return l.waiting(spoke.loop) == 1 })
		conn, err := l.hub.RemoveConnection(spoke.Conn())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		l.wants(held, `"id":"1"`)
		got := make([]byte, len(next))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != string(next) {
			t.Errorf("got %q and error %v, want the bytes behind the message that waited", got, err)
		}
		if got := spoke.loop.kept(); got != 0 {
			t.Errorf("got %d bytes kept, want none", got)
		}
	})
}

func TestWhatCameBeforeOnConnectionReturnedWaitsInItsOrder(t *testing.T) {
	proceed := make(chan struct{})
	l := hubOf(t, Config{Reactors: 2, Relay: true, OnConnection: func(s *Spoke, _ net.Conn) {
		if s.Value() == nil && s.ID() > 1 {
			<-proceed
		}
	}})
	subscriber, spoke := l.join()
	l.slow = spoke.loop
	l.send(subscriber, `{"type":"__subscribe","payload":{"topic":"t"}}`)
	l.until("the subscription", func() bool { return l.hub.index.Subscriptions() == 1 })
	open := l.shut("t")
	publisher, sender := l.join()
	for _, id := range []string{"1", "2", "3"} {
		l.send(publisher, `{"type":"t","id":"`+id+`"}`)
	}
	l.until("all are read", func() bool { return l.hub.Stats().EventsIn == 3 })
	close(proceed)
	l.until("the publisher waits", func() bool { return l.waiting(sender.loop) == 1 })
	l.send(publisher, `{"type":"t","id":"4"}`)
	if got := l.hub.Stats().EventsRelayed; got != 0 {
		t.Errorf("got %d events relayed, want none yet", got)
	}
	open()
	for _, id := range []string{"1", "2", "3", "4"} {
		l.wants(subscriber, `"id":"`+id+`"`)
	}
}

func TestTheMessageOfAWaitingSpokeThatIsClosedIsSentAndNothingKept(t *testing.T) {
	l := newLoopHub(t, EngineDefault)
	held := l.follow("held", true)
	open := l.shut("held")
	publisher, spoke := l.joinElsewhere()
	l.send(publisher, `{"type":"held","id":"1"}`)
	l.until("the publisher waits", func() bool { return l.waiting(spoke.loop) == 1 })
	spoke.Close(1000, "")
	if f, err := ws.ReadFrame(publisher); err != nil || f.Header.OpCode != ws.OpClose {
		t.Errorf("got frame %v and error %v, want a close frame", f.Header, err)
	}
	l.wants(held, `"id":"1"`)
	open()
	l.until("nothing is kept", func() bool { return spoke.loop.kept() == 0 && l.waiting(spoke.loop) == 0 })
}

// TestPingsAreNeverAnsweredBehindLaterOnes has a long ping wait for room, and a short one, that waits behind an event, find some.
func TestPingsAreNeverAnsweredBehindLaterOnes(t *testing.T) {
	l := newLoopHub(t, EngineGoroutine)
	l.follow("held", true)
	open := l.shut("held")
	publisher, spoke := l.joinElsewhere()
	long := strings.Repeat("l", 125)
	room := answerOverhead + len(long)
	sent := 0
	l.until("the socket is full", func() (full bool) {
		spoke.DispatchEvent(event.Event{Type: "fills", ID: "the socket"})
		sent++
		spoke.loop.ask(func(*netpoll.Reactor) { full = !spoke.loop.sender.HasRoom(spoke.conn.Slot, 0, 0) })
		return full
	})
	spoke.loop.ask(func(*netpoll.Reactor) {
		spoke.loop.unansweredOf(spoke).queued = l.hub.cfg.QueueLimit/answerShare - room
	})
	pings := slices.Concat(clientPing(long), clientText(`{"type":"held"}`), clientPing("short"))
	if _, err := publisher.Write(pings); err != nil {
		t.Fatal(err)
	}
	l.until("the publisher waits", func() bool { return l.waiting(spoke.loop) == 1 })
	open()
	l.until("it goes on", func() bool { return l.waiting(spoke.loop) == 0 })
	for range sent {
		l.wants(publisher, "the socket")
	}
	l.wants(publisher, "short")
	spoke.DispatchEvent(event.Event{Type: "last"})
	l.wants(publisher, "last")
}

func clientPing(payload string) []byte {
	return ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewPingFrame([]byte(payload))))
}
