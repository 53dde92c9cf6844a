package fanout_test

import (
	"errors"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

func TestABudgetTakesTLSHandshakesAtOnce(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newSecureHub(t, fanout.Config{Engine: engine, Reactors: 1, MemoryBudget: 1 << 20, MaxMessage: 1 << 20, HandshakeTimeout: time.Hour, CloseTimeout: time.Hour}, nil, fanout.ListenerOptions{})
		for range 200 {
			dial(t, "tcp", h.address).write(append([]byte{22, 3, 1, 0x40, 0}, make([]byte, 8<<10)...))
		}
		until(t, "some are turned away", func() bool { return h.hub.Stats().Refusals[503] > 0 })
		until(t, "they have gone", func() bool {
			stats := h.hub.Stats()
			return stats.Memory.Total() <= 1<<20 && stats.Connections+stats.Refusals[503] == 200
		})
		h.cut()
	})
}

func TestAConnectionOfTLSIsTheHubsOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newSecureHub(t, fanout.Config{Engine: engine}, nil, fanout.ListenerOptions{})
		c := h.dial().handshake()
		c.sync()
		conn, err := h.hub.RemoveConnection(receive(t, h.connected, "OnConnection").Conn())
		if err != nil {
			t.Fatalf("remove: %v", err)
		}
		if _, err := h.hub.AddConnection(conn); err != nil {
			t.Fatalf("give back: %v", err)
		}
		if _, err := h.hub.AddConnection(conn); !errors.Is(err, fanout.ErrOwned) {
			t.Errorf("got the error %v for one that the hub has, want ErrOwned", err)
		}
		c.sync()
		expect(t, "connections", h.hub.Stats().Connections, 1)
	})
}
