package fanout

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/spokehub/spokehub/event"
)

func TestWhoeverEndsItsGoroutineBehindTheEndOfTheHubIsCalledOnce(t *testing.T) {
	for name, kind := range map[string]itemKind{
		"a listener of an event that OnPublish has let pass": itemAllowed,
		"a listener of an event that OnPublish lets pass":    itemPublish,
		"a listener": itemEvent,
	} {
		t.Run(name, func(t *testing.T) {
			var heard atomic.Int32
			l := hubOf(t, Config{OnPublish: func(*Spoke, event.Event) error { return nil }, OnEvent: func(*Spoke, event.Event) {
				if heard.Add(1) < 10 {
					runtime.Goexit()
				}
			}})
			_, s := l.join()
			now, cancel := context.WithCancel(t.Context())
			cancel()
			_ = l.hub.Shutdown(now)
			s.runningInbox = new(inbox)
			s.runningInbox.addEvent(&event.View{Type: []byte("t")}, kind)
			s.state.await()
			l.hub.workers.push([]*Spoke{s})
			if _, err := l.hub.workers.queue.awaitEmpty(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := heard.Load(); got != 1 {
				t.Errorf("got %d calls, want one", got)
			}
		})
	}
}
