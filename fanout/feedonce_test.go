package fanout_test

import (
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

func TestPromise13AGapIsToldOnceToWhoLagsInTwoStreams(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		const kept = 3000
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 1, QueueLimit: 64 << 20, Policies: []stream.Policy{
			{Match: "news", History: stream.History{Events: 10}}, {Match: "price", History: stream.History{Events: kept}}}})
		other, _ := h.join()
		epoch := other.follow("news").Position.Epoch
		for i := range kept {
			h.hub.DispatchEvent(price(i))
		}
		c, spoke := h.join()
		c.sync()
		fanout.OnLoop(spoke, func() {
			h.hub.DispatchEvent(event.Event{Type: "news"})
			fanout.Resume(spoke, "news", event.Since{})
			fanout.Resume(spoke, "price", event.Since{Is: event.SincePosition, Epoch: []byte(epoch)})
			fanout.Feed(spoke)
			for i := range kept {
				h.hub.DispatchEvent(price(i))
			}
		})
		reader := sequenceReader{client: c, next: 1, others: map[string]int{}}
		reader.readTo(2 * kept)
		expect(t, "gaps", len(reader.gaps), 1)
		until(t, "the spoke gets everything live again", func() bool { return h.hub.Stats().Lagging == 0 })
		st := h.hub.Stats()
		expect(t, "deliveries to both spokes", st.Deliveries, uint64(1+reader.events))
		h.checkLedger(st)
	})
}
