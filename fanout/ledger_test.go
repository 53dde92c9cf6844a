package fanout_test

import (
	"context"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestPromise10EveryEventIsAccountedFor(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine, Reactors: 3, Relay: true, QueueLimit: 64 << 10, SendBuffer: 8 << 10, MemoryBudget: 1 << 20, CloseTimeout: 200 * time.Millisecond})
		const spokes = 60
		var readers sync.WaitGroup
		random := rand.New(rand.NewPCG(1, uint64(engine)))
		for i := range spokes {
			c, spoke := h.join()
			c.subscribe("t", "t:"+strconv.Itoa(i%5), "filler")
			switch i % 6 {
			case 0:
			case 1:
				readers.Go(func() {
					conn, err := h.hub.RemoveConnection(spoke.Conn())
					c.cutOffBy(func() {
						if err == nil {
							conn.Close()
						}
					})
				})
			case 2:
				readers.Go(func() { c.cutOffBy(func() { spoke.Close(1000, "") }) })
			case 3:
				_ = c.conn.(*net.TCPConn).SetLinger(0)
				readers.Go(func() { c.conn.Close() })
			default:
				readers.Go(func() { c.cutOffBy(func() {}) })
				go func() { _, _ = c.conn.Write(clientFrame(fin|opText, envelope("t", strconv.Itoa(i%5), "1"))) }()
			}
			for range random.IntN(20) {
				h.hub.DispatchEvent(filler)
				h.hub.DispatchEvent(event.Event{Type: "t", ID: strconv.Itoa(random.IntN(6))})
			}
			h.checkLedger(h.hub.Stats())
		}
		for range 300 {
			h.hub.DispatchEvent(filler)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = h.hub.Shutdown(ctx)
		readers.Wait()
		st := h.hub.Stats()
		h.checkLedger(st)
		if st.Delivered == 0 || st.DroppedClosed+st.DroppedBackpressure+st.DroppedBudget == 0 {
			t.Errorf("got %d delivered and %d, %d, %d dropped, want some of both", st.Delivered, st.DroppedClosed, st.DroppedBackpressure, st.DroppedBudget)
		}
	})
}

// cutOffBy reads to the end, whatever it is, after an act.
func (c *client) cutOffBy(act func()) {
	act()
	for {
		f, err := c.next()
		if err != nil {
			return
		}
		if f.op == opClose {
			c.conn.Close()
		}
	}
}
