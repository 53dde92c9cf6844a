package fanout_test

import (
	"net"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestCallbacksPendingCountsWhatHasNotReturned(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		entered, proceed := make(chan string, 10), make(chan struct{})
		block := func(what string) {
			entered <- what
			<-proceed
		}
		h := newTestHub(t, fanout.Config{Engine: engine, Workers: 1,
			OnConnection: func(*fanout.Spoke, net.Conn) { block("OnConnection") },
			OnEvent:      func(*fanout.Spoke, event.Event) { block("OnEvent") },
		})
		pending := func() uint64 { return h.hub.Stats().CallbacksPending }
		expect(t, "pending before", pending(), 0)
		first, _ := h.join()
		receive(t, entered, "OnConnection")
		expect(t, "pending while the worker is busy", pending(), 1)
		second, _ := h.join()
		second.sync()
		expect(t, "pending while another spoke waits for the worker", pending(), 2)
		first.text(envelope("t", "", "0"))
		first.sync()
		expect(t, "pending while more waits for the first", pending(), 3)
		for range 2 {
			proceed <- struct{}{}
			receive(t, entered, "the next callback")
			if got := pending(); got == 0 {
				t.Errorf("got %d pending while a callback runs, want some", got)
			}
		}
		proceed <- struct{}{}
		until(t, "all callbacks have returned", func() bool { return pending() == 0 })
		close(proceed)
	})
}
