//go:build linux

package storm

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/bench/server"
)

// unfinished are clients each of which has sent all of a message but its last byte.
type unfinished struct {
	conns []*server.Conn
}

// startUnfinished has clients send, a few at a time, so much of a message each as the hub lets them.
func startUnfinished(t *testing.T, h *server.Server, clients, size int) *unfinished {
	t.Helper()
	u := &unfinished{conns: make([]*server.Conn, clients)}
	message := server.Frame(ws.NewBinaryFrame(make([]byte, size)))
	numbers := make(chan int)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for i := range numbers {
				c, err := h.Dial(i)
				if err != nil {
					t.Error(err)
					continue
				}
				u.conns[i] = c
				c.SetDeadline(time.Now().Add(patience))
				c.Write(append(h.Request(), message[:len(message)-1]...))
			}
		})
	}
	for i := range clients {
		numbers <- i
	}
	close(numbers)
	writers.Wait()
	return u
}

func (u *unfinished) stop() {
	for _, c := range u.conns {
		if c != nil {
			c.Reset()
		}
	}
}

func TestUnfinishedMessagesStayWithinTheMemoryLimit(t *testing.T) {
	for _, c := range []struct {
		size, clients int
		memory        int64
	}{
		{64<<10 - 1, 600, 64 << 20},
		{1<<20 - 1, 300, 64 << 20},
	} {
		t.Run(fmt.Sprintf("%d of %d bytes", c.clients, c.size), func(t *testing.T) {
			h := startHubWithin(t, c.memory, "--max-message=1MiB")
			healthy := startSteady(t, h, 100, eventBytes, 100)
			before := sample(t, h)
			var most int64
			done := make(chan *unfinished, 1)
			go func() { done <- startUnfinished(t, h, c.clients, c.size) }()
			var clients *unfinished
			for clients == nil {
				select {
				case clients = <-done:
				case <-time.After(checkEvery):
				}
				most = max(most, sample(t, h).Memory.RSS)
			}
			settled := awaitSample(t, h, "some to be closed for the budget, and that to be kept", func(s server.Sample) bool {
				most = max(most, s.Memory.RSS)
				return s.Metrics[server.Backpressured] > 0 && s.Metrics[server.HeldBytes] <= s.Metrics[server.MemoryBudget]
			})
			clients.stop()
			healthy.finish(t)
			t.Logf("%.1f MB resident before, %.1f MB at most, %.1f MB held at the end of %.1f MB sent, %.0f closed", float64(before.Memory.RSS)/1e6, float64(most)/1e6,
				settled.Metrics[server.HeldBytes]/1e6, float64(c.clients*c.size)/1e6, settled.Metrics[server.Backpressured])
			if allowed := c.memory * 600 / 512; most > allowed && !raceEnabled {
				t.Errorf("got %d bytes resident, want at most %d", most, allowed)
			}
			awaitSample(t, h, "all memory back", func(s server.Sample) bool { return s.Metrics[`spokehub_memory_bytes{kind="messages"}`] == 0 })
			closeFleet(t, healthy.Fleet)
		})
	}
}
