package fanout_test

import (
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// TestPromise14ATopicResumesBesideOneThatGetsTheNewestOfEachID has what the first resumes be more than the queue holds.
func TestPromise14ATopicResumesBesideOneThatGetsTheNewestOfEachID(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(e fanout.Engine) fanout.Config {
		return slowConfig(e, stream.History{Events: 1 << 16, Bytes: 1 << 30}, stream.Latest)
	}, func(t *testing.T, h *testHub, c *client) {
		const before = 3 * smallQueue / 1000
		epoch := c.follow("price:none").Position.Epoch
		for i := range before {
			h.hub.DispatchEvent(wide(1 + 7*i))
		}
		c.follow("price")
		lagging(h)
		c.text(since("r", []string{"price:1"}, map[string]event.Position{"price:1": {Epoch: epoch}}))
		next := uint64(1)
		for next <= before {
			message := c.message()
			if !strings.HasPrefix(message, `{"type":"price","id":"1"`) {
				continue
			}
			e, err := event.Parse([]byte(message))
			if err != nil || e.Offset > before {
				continue
			}
			expect(t, "offset", e.Offset, next)
			next++
		}
		expect(t, "closed", h.hub.Stats().Backpressure, 0)
	})
}
