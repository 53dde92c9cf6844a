package fanouttest

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// DefaultPatience is how long clients and Quiet wait before they fail the test.
const DefaultPatience = 5 * time.Second

// Hub is a hub under test. Its clients are connected through memory.
//
// Its own methods, and those of its clients, call t.Fatal: call them on the goroutine of the test, not in callbacks. The methods of the
// embedded hub may be called anywhere.
//
// Owners: clients and dialed belong to the goroutine of the test; the embedded hub has owners of its own.
type Hub struct {
	*fanout.Hub
	// Patience is how long clients and Quiet wait for what must come. New sets it to DefaultPatience.
	Patience time.Duration

	t       testing.TB
	log     *testLog
	clients []*Client
	// dialed is how many connections Dial has made.
	dialed uint64
}

// New starts a hub and shuts it down when the test ends: clients are cut off, callbacks may take up to a second, and the test
// fails if the hub's ledger (see [fanout.Stats]) does not add up.
//
// cfg is used as it is, with two exceptions: EngineDefault becomes EngineGoroutine, which needs no descriptors and works in a
// bubble of testing/synctest, and without a Logger all that the hub logs goes to t.Log, so a failed test shows which events
// were dropped as invalid and which callbacks panicked.
func New(t testing.TB, cfg fanout.Config) *Hub {
	t.Helper()
	if cfg.Engine == fanout.EngineDefault {
		cfg.Engine = fanout.EngineGoroutine
	}
	log := &testLog{t: t}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	hub, err := fanout.New(cfg)
	if err != nil {
		t.Fatalf("new hub: %v", err)
	}
	h := &Hub{Hub: hub, Patience: DefaultPatience, t: t, log: log}
	t.Cleanup(h.finish)
	return h
}

// Connect connects a client by way of AddConnection: options say who it is. It returns when the hub has the connection. OnConnection
// may still be running. Config.OnHandshake is not asked; [Hub.Dial] has it asked.
func (h *Hub) Connect(options ...fanout.AddOptions) *Client {
	h.t.Helper()
	clientEnd, hubEnd := net.Pipe()
	spoke, err := h.AddConnection(hubEnd, options...)
	if err != nil {
		clientEnd.Close()
		h.t.Fatalf("connect: %v", err)
	}
	c := newClient(h, spoke, clientEnd)
	h.clients = append(h.clients, c)
	return c
}

// finish ends clients and hub at the end of the test.
func (h *Hub) finish() {
	for _, c := range h.clients {
		c.wire.cut()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.Shutdown(ctx)
	for _, c := range h.clients {
		c.wire.wait()
	}
	h.log.end()
	checkLedger(h.t, h.Stats())
}

// checkLedger fails the test if st, taken after Shutdown, does not account for every delivery.
func checkLedger(t testing.TB, st fanout.Stats) {
	t.Helper()
	accounted := st.Delivered + st.HandedBack + st.DroppedBackpressure + st.DroppedClosed + st.DroppedBudget + st.DroppedTrimmed + st.DroppedSuperseded + st.DroppedSkipped
	if st.Deliveries != accounted || st.Queued != 0 {
		t.Errorf("ledger: got %d deliveries, want %d delivered + %d handed back + %d + %d + %d + %d + %d + %d dropped, and none queued, got %d",
			st.Deliveries, st.Delivered, st.HandedBack, st.DroppedBackpressure, st.DroppedClosed, st.DroppedBudget, st.DroppedTrimmed, st.DroppedSuperseded,
			st.DroppedSkipped, st.Queued)
	}
}

// testLog writes log lines to the test's log until the test ends. Any goroutine may write; mu guards ended.
type testLog struct {
	t     testing.TB
	mu    sync.Mutex
	ended bool
}

// Write logs one line.
func (l *testLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.t.Logf("%s", line)
	}
	return len(line), nil
}

func (l *testLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}
