package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// heldAddress tells a process to hold the clients' ends of the connections of BenchmarkInspection: one process may not have enough descriptors for both ends.
const heldAddress = "SPOKEHUB_BENCH_HOLD"

// TestHoldConnections is what that process does: it connects, and waits until its input ends.
func TestHoldConnections(t *testing.T) {
	address := os.Getenv(heldAddress)
	if address == "" {
		t.Skip("this is for BenchmarkInspection")
	}
	many, err := strconv.Atoi(os.Getenv(heldAddress + "_COUNT"))
	if err != nil {
		t.Fatal(err)
	}
	for range many {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// inspected is a hub with very many connections.
type inspected struct {
	hub    *fanout.Hub
	spokes []*fanout.Spoke
	server *httptest.Server
}

func newInspected(b *testing.B, spokes, topics int) *inspected {
	b.Helper()
	hub, err := fanout.New(fanout.Config{Reactors: 2, MaxTopics: topics, MemoryBudget: 8 << 30, PingInterval: time.Hour, PeerTimeout: 3 * time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = hub.Shutdown(ctx)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	holder := exec.Command(os.Args[0], "-test.run=^TestHoldConnections$")
	holder.Env = append(os.Environ(), heldAddress+"="+listener.Addr().String(), fmt.Sprintf("%s_COUNT=%d", heldAddress, spokes))
	held, err := holder.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		held.Close()
		_ = holder.Wait()
	})
	names := make([]string, topics)
	for i := range names {
		names[i] = fmt.Sprint("topic:", i)
	}
	x := &inspected{hub: hub}
	for range spokes {
		conn, err := listener.Accept()
		if err != nil {
			b.Fatal(err)
		}
		s, err := hub.AddConnection(conn, fanout.AddOptions{Identity: fanout.Identity{User: "user"}})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Subscribe(names...); err != nil {
			b.Fatal(err)
		}
		x.spokes = append(x.spokes, s)
	}
	mux := http.NewServeMux()
	newInspector(hub, "bench", slog.New(slog.DiscardHandler)).handle(mux)
	x.server = httptest.NewServer(mux)
	b.Cleanup(x.server.Close)
	return x
}

// waits has the reactors be asked something each millisecond until stop is closed, and returns for how long they took to answer: a turn, and what the machine needs to
// wake who waits.
func (x *inspected) waits(stop <-chan struct{}) (waits []time.Duration) {
	for {
		select {
		case <-stop:
			slices.Sort(waits)
			return waits
		case <-time.After(time.Millisecond):
		}
		began := time.Now()
		x.spokes[rand.IntN(len(x.spokes))].BufferedAmount()
		waits = append(waits, time.Since(began))
	}
}

// BenchmarkInspection shows for how long a reactor with very many connections does not come to other work, while nobody asks for connections and while somebody asks
// again and again: the median, the 99th percentile and the longest wait. SPOKEHUB_BENCH_SPOKES and SPOKEHUB_BENCH_TOPICS say how many there are.
func BenchmarkInspection(b *testing.B) {
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return otherwise
	}
	x := newInspected(b, number("SPOKEHUB_BENCH_SPOKES", 2000), number("SPOKEHUB_BENCH_TOPICS", 100))
	for _, path := range []string{"", "connections?limit=1000", "connections?sort=bytes", "connections?sort=topics&limit=1000", "connections?user=user&topic=topic:1",
		"connections?address=127.0.0.", "connections?id=1", "topics?limit=1000"} {
		b.Run("asked="+path, func(b *testing.B) {
			stop := make(chan struct{})
			var waits []time.Duration
			var running sync.WaitGroup
			running.Go(func() { waits = x.waits(stop) })
			for range b.N {
				if path == "" {
					time.Sleep(10 * time.Millisecond)
					continue
				}
				response, err := http.Get(x.server.URL + "/" + path)
				if err != nil {
					b.Fatal(err)
				}
				if response.StatusCode != http.StatusOK {
					b.Fatalf("got %s, want 200", response.Status)
				}
				_, _ = io.Copy(io.Discard, bufio.NewReader(response.Body))
				response.Body.Close()
			}
			close(stop)
			running.Wait()
			if len(waits) == 0 {
				return
			}
			for name, wait := range map[string]time.Duration{
				"us-median": waits[len(waits)/2], "us-p99": waits[len(waits)*99/100], "us-longest": waits[len(waits)-1],
			} {
				b.ReportMetric(float64(wait.Microseconds()), name)
			}
		})
	}
}
