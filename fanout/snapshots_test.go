package fanout

import (
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
)

func TestEverySubscriptionByTheServerHasItsSnapshot(t *testing.T) {
	var l *loopHub
	l = hubOf(t, Config{OnSubscribed: func(_ *Spoke, topic string, send func(event.Event) bool) {
		l.hub.DispatchEvent(event.Event{Type: topic})
		send(event.Event{Type: "snapshot-" + topic})
	}})
	here, s := l.join()
	s.loop.ask(func(*netpoll.Reactor) {
		for _, topic := range []string{"a", "b", "a"} {
			if err := s.loop.subscribeSlice(s, []string{topic}); err != nil {
				t.Error(err)
			}
		}
		if !s.loop.isGated(s) || len(s.loop.conns.snapshots) != 1 {
			t.Errorf("got gated %v and %d snapshots, want one of a gated spoke", s.loop.isGated(s), len(s.loop.conns.snapshots))
		}
	})
	for _, want := range []string{"snapshot-a", "snapshot-b", "a", "b"} {
		f, err := ws.ReadFrame(here)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(f.Payload); !strings.Contains(got, `"type":"`+want+`"`) {
			t.Errorf("got %s, want an event of type %s", got, want)
		}
	}
	s.loop.ask(func(*netpoll.Reactor) {
		if s.loop.isGated(s) {
			t.Error("got the spoke gated behind its last hook, want it open")
		}
	})
}

func TestTheGateOpensBehindWhatTheHookHasSent(t *testing.T) {
	called, goOn := make(chan struct{}), make(chan struct{})
	l := hubOf(t, Config{OnSubscribed: func(_ *Spoke, _ string, send func(event.Event) bool) {
		close(called)
		<-goOn
		send(event.Event{Type: "snapshot"})
	}})
	here, s := l.join()
	l.send(here, `{"type":"__subscribe","payload":{"topic":"live"}}`)
	<-called
	l.hub.DispatchEvent(event.Event{Type: "live"})
	s.holdUpUntilReturned(goOn, func() { s.loop.comeTo(s) })
	for _, want := range []string{"snapshot", "live"} {
		f, err := ws.ReadFrame(here)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(f.Payload); !strings.Contains(got, `"type":"`+want+`"`) {
			t.Errorf("got %s, want an event of type %s", got, want)
		}
	}
}
