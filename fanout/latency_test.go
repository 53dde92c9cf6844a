package fanout_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

func TestLatencyOfDispatchCountsEachDelivery(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		a, _ := h.join()
		b, _ := h.join()
		a.subscribe("t")
		b.subscribe("t", "t:1")
		for range 20 {
			h.hub.DispatchEvent(event.Event{Type: "t", ID: "1"})
		}
		for range 20 {
			a.message()
			b.message()
		}
		until(t, "all is delivered", func() bool { return h.hub.Stats().Delivered == 40 })
		l := h.hub.Stats().Latencies.Dispatch
		if l.Count != 40 || l.Seconds <= 0 || l.Quantile(1) <= 0 || l.Quantile(0.5) > l.Quantile(1) {
			t.Errorf("got a count of %d, %v s in all, a median of %v and at most %v, want 40 that took some time", l.Count, l.Seconds, l.Quantile(0.5), l.Quantile(1))
		}
	})
}

func TestLatencyOfDispatchCountsWhatIsCaughtUpFromWhenItIsSent(t *testing.T) {
	t.Parallel()
	eachEntry(t, func(e fanout.Engine) fanout.Config { return keeping(e, stream.History{Events: 100}, stream.Close) }, func(t *testing.T, h *testHub, c *client) {
		epoch := c.follow("price").Position.Epoch
		c.unsubscribe("price")
		h.publishPrices(1, 9)
		published := time.Now()
		pause(50 * time.Millisecond)
		back, _ := h.join()
		back.resume("price", event.Position{Epoch: epoch, Offset: 3})
		for i := 4; i <= 9; i++ {
			back.wants(kept(i, i))
		}
		until(t, "the spoke is live", func() bool { return h.hub.Stats().Lagging == 0 && h.hub.Stats().Delivered == 6 })
		l := h.hub.Stats().Latencies
		resumed := time.Since(published)
		if l.Dispatch.Count != 6 || l.Dispatch.Seconds > 6*(resumed-50*time.Millisecond).Seconds() {
			t.Errorf("got %d deliveries that took %v s in all, want 6 that count from when they are caught up", l.Dispatch.Count, l.Dispatch.Seconds)
		}
		expect(t, "resumes", l.Resume.Count, 1)
		back.resume("price:0", event.Position{Epoch: epoch, Offset: 9})
		until(t, "the other topic is live", func() bool { return h.hub.Stats().Latencies.Resume.Count == 2 })
	})
}

// pause lets so much time pass by the clock that latencies are measured with.
func pause(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

func TestLatencyOfHandshakesBeginsWithTheConnection(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		h := newTestHub(t, fanout.Config{Engine: engine})
		c := dial(t, "tcp", h.serve())
		until(t, "the connection is accepted", func() bool { return h.hub.Stats().Connections == 1 })
		pause(30 * time.Millisecond)
		c.handshake()
		<-h.connected
		l := h.hub.Stats().Latencies.Handshake
		if l.Count != 1 || l.Seconds < 0.03 || l.Quantile(1) < 27*time.Millisecond {
			t.Errorf("got %d handshakes of %v s, at most %v, want one of more than 30 ms", l.Count, l.Seconds, l.Quantile(1))
		}
	})
}

func TestLatencyOfHandshakesCountsEachWayIn(t *testing.T) {
	for _, entry := range entries {
		t.Run(entry.name, func(t *testing.T) {
			h := newTestHub(t, fanout.Config{})
			entry.dial(h)
			until(t, "the handshake is counted", func() bool { return h.hub.Stats().Latencies.Handshake.Count > 0 })
			if l := h.hub.Stats().Latencies.Handshake; l.Count != 1 || l.Seconds <= 0 || l.Seconds > patience.Seconds() {
				t.Errorf("got %d handshakes of %v s, want one", l.Count, l.Seconds)
			}
		})
	}
}

func TestLatencyOfHandshakesThroughNetHTTP(t *testing.T) {
	h := newTestHub(t, fanout.Config{OnHandshake: func(context.Context, *fanout.Handshake) (fanout.Identity, error) { return fanout.Identity{}, nil }})
	server := httptest.NewServer(h.hub)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request := "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("got %v, %v, want 101", response, err)
	}
	<-h.connected
	expect(t, "handshakes", h.hub.Stats().Latencies.Handshake.Count, 1)
}

func TestLatencyOfCallbacksIsThatOfSlowOnesToo(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, fanout.Config{})
	heard := h.hear("quick")
	h.listen("slow", func(*fanout.Spoke, event.Event) { pause(40 * time.Millisecond) })
	c, _ := h.join()
	for range 5 {
		c.text(envelope("quick", "", "1"))
		<-heard
	}
	c.text(envelope("slow", "", "1"))
	until(t, "all has been heard", func() bool { return h.hub.Stats().Latencies.Callback.Count == 7 })
	l := h.hub.Stats().Latencies.Callback
	if l.Seconds < 0.04 || l.Quantile(1) < 4*time.Millisecond {
		t.Errorf("got %v s in all and %v at most, want the slow one in it", l.Seconds, l.Quantile(1))
	}
}

func TestLatencyOfCallbacksCountsAllOfABurst(t *testing.T) {
	t.Parallel()
	h := newTestHub(t, fanout.Config{})
	release := make(chan struct{})
	h.listen("first", func(*fanout.Spoke, event.Event) { <-release })
	heard := h.hear("burst")
	c, _ := h.join()
	c.text(envelope("first", "", "1"))
	const burst = 1000
	for range burst {
		c.text(envelope("burst", "", "1"))
	}
	until(t, "the burst has come", func() bool { return h.hub.Stats().EventsIn == 1+burst })
	close(release)
	for range burst {
		<-heard
	}
	until(t, "all is counted", func() bool { return h.hub.Stats().Latencies.Callback.Count == 2+burst })
}

func TestLatencyQuantiles(t *testing.T) {
	l := fanout.Latency{Count: 100, Buckets: []fanout.LatencyBucket{{0, 10, 50}, {20, 30, 40}, {64 * time.Second, 1<<63 - 1, 10}}}
	for q, want := range map[float64]time.Duration{-1: 0, 0: 0, 0.25: 5, 0.5: 10, 0.7: 25, 0.9: 30, 0.95: 64 * time.Second, 2: 64 * time.Second} {
		if got := l.Quantile(q); got != want {
			t.Errorf("quantile %v: got %v, want %v", q, got, want)
		}
	}
	if got := (fanout.Latency{}).Quantile(0.5); got != 0 {
		t.Errorf("got %v of nothing, want 0", got)
	}
}

func TestLatenciesOfStatsAreTheCallers(t *testing.T) {
	h := newTestHub(t, fanout.Config{CloseTimeout: 200 * time.Millisecond})
	h.join()
	h.shutdown()
	h.hub.Stats().Latencies.Handshake.Buckets[0].Count = 99
	expect(t, "handshakes in the bucket", h.hub.Stats().Latencies.Handshake.Buckets[0].Count, 1)
}
