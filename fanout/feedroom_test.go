package fanout_test

import (
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

func TestPromise14AnEventAlmostAsLongAsTheQueueDoesNotCloseWhoCatchesUp(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(e fanout.Engine) fanout.Config {
		return slowConfig(e, stream.History{Events: 1 << 16, Bytes: 1 << 30}, stream.CatchUp)
	}, func(t *testing.T, h *testHub, c *client) {
		c.follow("price")
		sent := lagging(h)
		long := event.Event{Type: "price", ID: "0", Payload: []byte(`"` + strings.Repeat("x", smallQueue/16*15-100) + `"`)}
		for range 4 {
			for range 10 {
				sent++
				h.hub.DispatchEvent(wide(sent))
			}
			sent++
			h.hub.DispatchEvent(long)
		}
		slow := sequenceReader{client: c, next: 1}
		slow.readTo(uint64(sent))
		expect(t, "gaps", len(slow.gaps), 0)
		expect(t, "closed", h.hub.Stats().Backpressure, 0)
	})
}
