package fanout_test

import (
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

func TestPromise14WhoComesBackAndDoesNotKeepUpGetsTheLatestOnly(t *testing.T) {
	eachEngine(t, func(t *testing.T, e fanout.Engine) {
		h := newTestHub(t, slowConfig(e, stream.History{Events: 1 << 18, Bytes: 1 << 30}, stream.Latest))
		first, _ := h.join()
		epoch := first.follow("price").Position.Epoch
		first.unsubscribe("price")
		const before, behind = 1000, 3000
		sent := 0
		for ; sent < before; sent++ {
			h.hub.DispatchEvent(wide(sent + 1))
		}
		back, _ := h.join()
		back.resume("price", event.Position{Epoch: epoch})
		for h.hub.Stats().Lags == 0 {
			if sent > 1<<16 {
				t.Fatal("the spoke does not fall behind")
			}
			for range 16 {
				sent++
				h.hub.DispatchEvent(wide(sent))
			}
		}
		for range behind {
			sent++
			h.hub.DispatchEvent(wide(sent))
		}
		slow := sequenceReader{client: back, next: 1, latest: map[string]uint64{}}
		slow.readTo(uint64(sent))
		missed := 0
		for _, gap := range slow.gaps {
			missed += int(gap.Missed)
		}
		expect(t, "events got and told missing", slow.events+missed, sent)
		if slow.events < before || missed < behind/2 {
			t.Errorf("got %d of %d events, want all of the %d that were there and few of the last %d", slow.events, sent, before, behind)
		}
		expect(t, "closed", h.hub.Stats().Backpressure, 0)
		h.checkLedger(h.hub.Stats())
	})
}
