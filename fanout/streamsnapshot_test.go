package fanout_test

import (
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

func TestWhatASpokeHasMissedComesBehindTheSnapshot(t *testing.T) {
	for name, behind := range map[string]stream.Behind{"close": stream.Close, "catch-up": stream.CatchUp, "latest": stream.Latest} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				h, calls := snapshotHub(t, keeping(engine, stream.History{Events: 100}, behind))
				h.publishPrices(1, 3)
				first, _ := h.join()
				first.text(since("1", []string{"price"}, nil))
				fresh := receive(t, calls, "the call of a new subscription")
				h.publishPrices(4, 5)
				fresh.send("snapshot")
				close(fresh.goOn)
				at := first.ack().Positions["price"]
				expect(t, "offset of the new subscription", at.Position.Offset, 3)
				expect(t, "message behind the ack", typeOf(first.message()), "snapshot")
				first.wants(kept(4, 4), kept(5, 5))

				back, _ := h.join()
				back.text(since("2", []string{"price"}, map[string]event.Position{"price": {Epoch: at.Position.Epoch, Offset: 1}}))
				resumed := receive(t, calls, "the call of one that resumes")
				h.publishPrices(6, 7)
				resumed.send("snapshot")
				close(resumed.goOn)
				got := back.ack().Positions["price"]
				expect(t, "offset of the one that resumes", got.Position.Offset, 5)
				expect(t, "message behind the ack", typeOf(back.message()), "snapshot")
				h.publishPrices(8, 8)
				back.wants(kept(2, 2), kept(3, 3), kept(4, 4), kept(5, 5), kept(6, 6), kept(7, 7), kept(8, 8))
				first.wants(kept(6, 6), kept(7, 7), kept(8, 8))
			})
		})
	}
}

func TestPromise14ASnapshotThatTakesLongCostsCatchUpNothing(t *testing.T) {
	for name, isBack := range map[string]bool{"a new subscription": false, "one that resumes": true} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				cfg := keeping(engine, stream.History{Events: 1000}, stream.CatchUp)
				cfg.QueueLimit = 8 << 10
				h, calls := snapshotHub(t, cfg)
				h.publishPrices(1, 1)
				page, err := h.hub.History("price", event.Position{}, 1)
				expect(t, "error of History", err, nil)
				c, _ := h.join()
				var positions map[string]event.Position
				first := 2
				if isBack {
					positions, first = map[string]event.Position{"price": {Epoch: page.Position.Epoch}}, 1
				}
				c.text(since("1", []string{"price"}, positions))
				call := receive(t, calls, "the call")
				h.publishPrices(2, 900)
				call.send("snapshot")
				close(call.goOn)
				c.ack()
				expect(t, "message behind the ack", typeOf(c.message()), "snapshot")
				for i := first; i <= 900; i++ {
					c.wants(kept(i, i))
				}
			})
		})
	}
}
