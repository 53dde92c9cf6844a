package fanout

import (
	"bytes"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
)

// holdUpUntilReturned lets a callback of the spoke go on, and holds its loop up until it has returned, what it has sent waiting in the
// mailbox. Then the loop does what next says.
func (s *Spoke) holdUpUntilReturned(goOn chan<- struct{}, next func()) {
	s.loop.ask(func(r *netpoll.Reactor) {
		sentAndReturned := r.Posted() + 2
		close(goOn)
		for !s.state.free() && r.Posted() < sentAndReturned {
			runtime.Gosched()
		}
		next()
	})
}

// comeTo is how the end of a turn goes on with the spoke.
func (l *loop) comeTo(s *Spoke) {
	l.markReady(s)
	l.handOver()
}

func TestAControlEventTakesEffectBehindWhatTheCallbackAheadHasDispatched(t *testing.T) {
	unsubscribe := ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte(`{"type":"__unsubscribe","id":"1","payload":{"topic":"welcome"}}`))))
	for name, waits := range map[string]bool{"one that waits for it": true, "one that comes when it has returned": false} {
		t.Run(name, func(t *testing.T) {
			called, goOn := make(chan struct{}), make(chan struct{})
			var hub *Hub
			l := hubOf(t, Config{OnConnection: func(s *Spoke, _ net.Conn) {
				if err := s.Subscribe("welcome"); err != nil {
					t.Error(err)
				}
				close(called)
				<-goOn
				hub.DispatchEvent(event.Event{Type: "welcome"})
			}})
			hub = l.hub
			here, s := l.join()
			<-called
			next := func() { s.loop.Input(s.conn.Slot, bytes.Clone(unsubscribe)) }
			if waits {
				s.loop.ask(func(*netpoll.Reactor) { next() })
				next = func() { s.loop.comeTo(s) }
			}
			s.holdUpUntilReturned(goOn, next)
			for _, want := range []string{"welcome", "__ack"} {
				f, err := ws.ReadFrame(here)
				if err != nil {
					t.Fatal(err)
				}
				if got := string(f.Payload); !strings.Contains(got, `"type":"`+want+`"`) {
					t.Errorf("got %s, want an event of type %s", got, want)
				}
			}
		})
	}
}
