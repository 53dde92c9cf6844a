package fanout_test

import (
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// TestPromise13ASpokeThatIsClosedWhileItLagsGetsNothingAheadOfWhatItHasMissed has a spoke be closed that waits for room for an event of its own: that is published at
// the end, and would come without what lies ahead. The client's position would be behind events that it never got.
func TestPromise13ASpokeThatIsClosedWhileItLagsGetsNothingAheadOfWhatItHasMissed(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, slowConfig(engine, stream.History{Events: 1 << 16, Bytes: 1 << 30}, stream.CatchUp))
		c, spoke := h.join()
		c.follow("price")
		sent := lagging(h)
		fanout.CloseWaiting(spoke, fanout.CodeNormal, string(event.Append(nil, event.Event{Type: "price", ID: "own"})))
		messages, _ := c.closedWith(fanout.CodeNormal)
		next := uint64(1)
		for _, message := range messages {
			if strings.HasPrefix(message, `{"type":"__`) {
				continue
			}
			e, err := event.Parse([]byte(message))
			if err != nil || e.Offset != next {
				t.Fatalf("got %.60q (%v) as the event with offset %d of %d, want those without a hole", message, err, next, sent+1)
			}
			next++
		}
		past, err := h.hub.History("price", event.Position{}, 1)
		if err != nil || past.Position.Offset != uint64(sent+1) {
			t.Errorf("got the position %v (%v), want the event published that the spoke has waited with", past.Position, err)
		}
		h.checkLedger(h.hub.Stats())
	})
}
