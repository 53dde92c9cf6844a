package nats

import (
	"fmt"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
)

func TestManyKeysAreInForceAfterARestart(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, told := connect(t, s)
	keys := make([]broker.Key, 100_000)
	for i := range keys {
		keys[i] = plain("user", fmt.Sprint(i))
	}
	subscribe(t, e, keys...)
	s.Restart()
	told.awaitNotes(t, 1, "down ", "up", "lost ")
	b, _ := connect(t, s)
	for i := 0; i < len(keys); i += 999 {
		publish(t, b, keys[i], fmt.Sprint(i))
	}
	told.awaitDeliveries(t, 101)
}

func TestOverflowIsToldOnceItIsOver(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, told := open(t, Config{URLs: []string{s.URL}, Queue: 100})
	told.awaitNotes(t, 0, "up")
	subscribe(t, e, plain("price", ""))
	told.mu.Lock()
	told.hold = make(chan struct{})
	told.mu.Unlock()
	b, _ := connect(t, s)
	publish(t, b, plain("price", ""), texts(1000, "%d")...)
	dropped := func() int {
		e.keys.mu.Lock()
		defer e.keys.mu.Unlock()
		n, err := e.keys.wanted[plain("price", "")].first.Dropped()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for deadline := t.Context(); dropped() == 0; {
		if !pause(deadline, pageWait) {
			t.Fatal("waited in vain for a drop")
		}
	}
	told.mu.Lock()
	close(told.hold)
	told.hold = nil
	told.mu.Unlock()
	told.awaitNotes(t, 1, "lost the hub did not keep up")
	told.awaitDeliveries(t, 100)
	for delivered := false; !delivered; pause(t.Context(), pageWait) {
		publish(t, b, plain("price", ""), "after")
		told.mu.Lock()
		delivered = string(told.deliveries[len(told.deliveries)-1].Data) == "after"
		told.mu.Unlock()
	}
}
