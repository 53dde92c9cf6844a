package nats

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
)

// clustered starts an engine that is connected to one server of a cluster.
func clustered(t *testing.T, server *engines.NATSServer) (*Engine, *recorder) {
	t.Helper()
	e, told := open(t, Config{URLs: []string{server.URL}, Replicas: 3})
	told.awaitNotes(t, 0, "up")
	return e, told
}

// insist appends one event until it is taken, with an idempotency key, as a hub does.
func insist(t *testing.T, e *Engine, text string) *broker.Append {
	t.Helper()
	for deadline := time.Now().Add(testPatience); ; {
		list := events(kept, "order", text)
		list[0].Key = text
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		e.Append(ctx, list)
		cancel()
		if list[0].Err == nil {
			return list[0]
		}
		if !errors.Is(list[0].Err, broker.ErrUnavailable) && !errors.Is(list[0].Err, context.DeadlineExceeded) || time.Now().After(deadline) {
			t.Fatalf("append %q: %v", text, list[0].Err)
		}
		pause(t.Context(), pageWait)
	}
}

// leader is the server that leads the stream of order.
func leader(t *testing.T, e *Engine, servers []*engines.NATSServer) *engines.NATSServer {
	t.Helper()
	for deadline := time.Now().Add(testPatience); time.Now().Before(deadline); pause(t.Context(), pageWait) {
		got, err := e.call(t.Context(), "INFO", e.subjects.streamName(kindEvents, "order"), nil)
		if err != nil || got.missing() {
			continue
		}
		for _, s := range servers {
			if s.Name == got.Cluster.Leader {
				return s
			}
		}
	}
	t.Fatal("waited in vain for a leader of the stream")
	return nil
}

func TestStreamOutlivesTheServersOfACluster(t *testing.T) {
	servers := engines.NATSCluster(t, 3, engines.NATSOptions{})
	a, toldA := clustered(t, servers[0])
	b, toldB := clustered(t, servers[1])
	first := insist(t, a, "first")
	for _, e := range []*Engine{a, b} {
		for e.Subscribe(t.Context(), broker.Key{Kind: broker.Stream, Type: "order"}, plain("price", "")) != nil {
			pause(t.Context(), pageWait)
		}
	}
	for name, victim := range map[string]func() *engines.NATSServer{
		"the one that is connected":    func() *engines.NATSServer { return servers[0] },
		"the one that leads":           func() *engines.NATSServer { return leader(t, b, servers) },
		"the one that others are with": func() *engines.NATSServer { return servers[1] },
	} {
		t.Run(name, func(t *testing.T) {
			s := victim()
			var working sync.WaitGroup
			var got [2][]*broker.Append
			for i, e := range []*Engine{a, b} {
				working.Go(func() {
					for n := range 50 {
						got[i] = append(got[i], insist(t, e, fmt.Sprintf("%s, %d of %d", name, n, i)))
					}
				})
			}
			s.Kill()
			working.Wait()
			s.Restart()
			seen := map[uint64]bool{}
			for _, list := range got {
				before := uint64(0)
				for _, one := range list {
					if one.Position.Epoch != first.Position.Epoch || one.Position.Offset <= before || seen[one.Position.Offset] {
						t.Fatalf("got the position %v behind %d, want a new one of %s", one.Position, before, first.Position.Epoch)
					}
					before = one.Position.Offset
					seen[before] = true
				}
			}
		})
	}
	page := broker.Page{}
	for len(page.Entries) < 301 {
		next := readPage(t, b, broker.Query{Policy: kept, Type: "order", After: uint64(len(page.Entries)), Events: 1000})
		if len(next.Entries) == 0 {
			t.Fatalf("got %d events of the stream, want 301: those that were acknowledged", len(page.Entries))
		}
		page.Entries = append(page.Entries, next.Entries...)
	}
	once := map[string]bool{}
	for i, entry := range page.Entries {
		if entry.Offset != uint64(i+1) || once[string(entry.Data)] {
			t.Fatalf("got %q at %d, want each once and offset %d", entry.Data, entry.Offset, i+1)
		}
		once[string(entry.Data)] = true
	}
	last := insist(t, a, "last")
	for _, told := range []*recorder{toldA, toldB} {
		told.await(t, "the last event", func() bool {
			return len(told.deliveries) > 0 && told.deliveries[len(told.deliveries)-1].Position == last.Position
		})
	}
}

func TestEngineMovesToAServerThatItWasNotToldOf(t *testing.T) {
	servers := engines.NATSCluster(t, 3, engines.NATSOptions{User: "hub", Password: "a-password"})
	a, told := clustered(t, servers[0])
	b, _ := clustered(t, servers[1])
	subscribe(t, a, plain("price", ""))
	servers[0].Kill()
	told.awaitNotes(t, 1, "down ", "up", "lost ")
	publish(t, b, plain("price", ""), "1")
	for delivered := 0; delivered == 0; {
		publish(t, b, plain("price", ""), "again")
		pause(t.Context(), pageWait)
		told.mu.Lock()
		delivered = len(told.deliveries)
		told.mu.Unlock()
	}
}
