package brokers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

const (
	hubCount      = 3
	clientsPerHub = 4
	// patience is how long what has to happen may take.
	patience = 90 * time.Second
	// pace is how long each publisher waits between two rounds.
	pace = 5 * time.Millisecond
)

// wholeStream is a type of which the broker keeps all that a test publishes.
const wholeStream = "price"

var policies = []stream.Policy{
	{Match: wholeStream, History: stream.History{Events: 100000}, Behind: stream.CatchUp},
	{Match: "state", History: stream.History{Events: 50, LatestPerID: true}, Behind: stream.CatchUp},
	{Match: "user", Interest: stream.ByID},
	{Match: "room", Presence: true},
}

// payload says where an event comes from.
type payload struct {
	Hub    int `json:"hub"`
	Number int `json:"n"`
}

// receipt is what a publisher knows of an event of a stream.
type receipt struct {
	position event.Position
	payload  payload
}

// world is a cluster under test.
type world struct {
	t       *testing.T
	hubs    []*fanout.Hub
	clients []*client
	// stop ends the publishers.
	stop       chan struct{}
	publishers sync.WaitGroup
	mu         sync.Mutex
	// published has how many events each hub has published, by type, and receipts those of streams that were acknowledged.
	published []map[string]int
	receipts  map[string][]receipt
	// present has how many connections each user has in the room at the end.
	present map[string]int
	refused atomic.Int64
}

// newWorld starts the hubs, each with the engine that open returns, connects the clients, and begins to publish.
func newWorld(t *testing.T, open func(hub int) broker.Broker) *world {
	t.Helper()
	w := &world{t: t, stop: make(chan struct{}), receipts: map[string][]receipt{}, present: map[string]int{}}
	for i := range hubCount {
		h, err := fanout.New(fanout.Config{Broker: open(i), Policies: policies, Logger: slog.New(slog.NewTextHandler(testLog{t, i}, nil))})
		if err != nil {
			t.Fatal(err)
		}
		w.hubs = append(w.hubs, h)
		w.published = append(w.published, map[string]int{})
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = h.Shutdown(ctx)
		})
	}
	w.await("all hubs to reach the broker", func() bool { return w.all(func(h *fanout.Hub) bool { return h.Broker().Up }) })
	for i, h := range w.hubs {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = h.Serve(l) }()
		for j := range clientsPerHub {
			w.clients = append(w.clients, newClient(t, i, l.Addr().String(), "order", fmt.Sprintf("user:%d", j), "price", "state"))
		}
	}
	for i := range w.hubs {
		w.publishers.Go(func() { w.publish(i) })
		w.publishers.Go(func() { w.visit(i) })
	}
	return w
}

func (w *world) all(is func(*fanout.Hub) bool) bool {
	for _, h := range w.hubs {
		if !is(h) {
			return false
		}
	}
	return true
}

// await waits for something.
func (w *world) await(what string, isThere func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); !isThere(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			for _, c := range w.clients {
				w.t.Log(c.summary())
			}
			w.t.Fatalf("waited %v for %s, in vain", patience, what)
		}
	}
}

// publish publishes at a hub until the test has enough.
func (w *world) publish(hub int) {
	for round := 0; ; round++ {
		select {
		case <-w.stop:
			return
		case <-time.After(pace):
		}
		w.publishOne(hub, "order", "")
		w.publishOne(hub, "user", fmt.Sprint(round%clientsPerHub))
		w.publishOne(hub, "price", fmt.Sprint(round%5))
		w.publishOne(hub, "state", fmt.Sprint(round%20))
	}
}

// publishOne publishes one event, and says whether it was taken.
func (w *world) publishOne(hub int, typ, id string) bool {
	w.mu.Lock()
	name := typ
	if typ == "user" {
		name += ":" + id
	}
	w.published[hub][name]++
	p := payload{hub, w.published[hub][name]}
	w.mu.Unlock()
	raw, _ := json.Marshal(p)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	got, err := w.hubs[hub].Publish(ctx, event.Event{Type: typ, ID: id, Payload: raw})
	switch {
	case errors.Is(err, fanout.ErrBroker):
		w.refused.Add(1)
		return false
	case err != nil:
		w.t.Errorf("publish %s at hub %d: %v", typ, hub, err)
		return false
	}
	if got.Position.Epoch != "" {
		w.mu.Lock()
		w.receipts[typ] = append(w.receipts[typ], receipt{got.Position, p})
		w.mu.Unlock()
	}
	return true
}

// settle ends the load, and waits until all hubs have the broker and every client has an event of each type that each hub has published after that.
func (w *world) settle() {
	w.t.Helper()
	close(w.stop)
	w.publishers.Wait()
	w.await("all hubs to have the broker", func() bool { return w.all(func(h *fanout.Hub) bool { return h.Broker().Up }) })
	w.mu.Lock()
	before := make([]map[string]int, len(w.published))
	for i := range w.published {
		before[i] = map[string]int{}
		for name, n := range w.published[i] {
			before[i][name] = n
		}
	}
	w.mu.Unlock()
	next := time.Now()
	w.await("every client to get what every hub publishes at the end", func() bool {
		if time.Now().After(next) {
			next = time.Now().Add(500 * time.Millisecond)
			for i := range w.hubs {
				w.publishOne(i, "order", "")
				w.publishOne(i, "price", "0")
				w.publishOne(i, "state", "0")
				for id := range clientsPerHub {
					w.publishOne(i, "user", fmt.Sprint(id))
				}
			}
		}
		for _, c := range w.clients {
			for i := range w.hubs {
				for _, name := range []string{"order", c.user(), "price", "state"} {
					if c.last(name, i) <= before[i][name] {
						return false
					}
				}
			}
		}
		return true
	})
}

// testLog hands what a hub logs to the test.
type testLog struct {
	t   *testing.T
	hub int
}

func (l testLog) Write(line []byte) (int, error) {
	l.t.Logf("hub %d: %s", l.hub, line)
	return len(line), nil
}
