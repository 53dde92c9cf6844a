package fanout

import (
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
)

func TestBudgetIsKeptWhereTheOneThatHoldsMostRests(t *testing.T) {
	for _, engine := range []Engine{EngineEpoll, EngineEasygo, EngineParked, EngineGoroutine} {
		t.Run(engine.String(), func(t *testing.T) {
			l := hubOf(t, Config{Engine: engine, Reactors: 2, MemoryBudget: 1 << 20, QueueLimit: 64 << 20, SendBuffer: 16 << 10, PingInterval: -1})
			_, large := l.join()
			_, small := l.join()
			if large.loop == small.loop {
				t.Fatal("both on one loop")
			}
			filler := event.Event{Type: "f", Payload: []byte(`"` + strings.Repeat("x", 1<<10) + `"`)}
			fill := func(s *Spoke, most int) {
				for s.BufferedAmount() < most && l.hub.shared.heldBytes.Load() < 3<<19 {
					s.DispatchEvent(filler)
				}
				s.BufferedAmount()
			}
			fill(large, 900<<10)
			fill(small, 700<<10)
			for guard := time.Now().Add(20 * time.Second); l.hub.counters.backpressured.Load() == 0 && time.Now().Before(guard); {
				small.BufferedAmount()
			}
			if l.hub.counters.backpressured.Load() == 0 {
				t.Errorf("got nobody closed with %d bytes held (%d + %d), want the budget of %d kept", l.hub.shared.heldBytes.Load(), large.loop.shared.heldBytes.Load(), small.loop.shared.heldBytes.Load(), 1<<20)
			}
		})
	}
}
