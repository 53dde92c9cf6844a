package fanout_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// disconnect is one call of OnDisconnection.
type disconnect struct {
	spoke *fanout.Spoke
	conn  net.Conn
	cause fanout.Cause
}

// testHub is a hub under test. At the end of the test it is shut down, and whatever the test was about, its ledger must add
// up, its callbacks must have come in pairs and alone, its index must be empty, and no goroutine or descriptor is left.
type testHub struct {
	t         testing.TB
	hub       *fanout.Hub
	connected chan *fanout.Spoke
	gone      chan disconnect
	log       *logBook
	mu        sync.Mutex
	spokes    map[*fanout.Spoke]*spokeCalls
	unchecked bool
}

// spokeCalls is what the callbacks told of one spoke.
type spokeCalls struct {
	busy         atomic.Bool
	connected    int
	disconnected int
}

func newTestHub(t testing.TB, cfg fanout.Config) *testHub {
	t.Helper()
	watchForLeaks(t)
	h := &testHub{t: t, connected: make(chan *fanout.Spoke, 1<<14), gone: make(chan disconnect, 1<<14), log: new(logBook),
		spokes: make(map[*fanout.Spoke]*spokeCalls)}
	if cfg.Reactors == 0 {
		cfg.Reactors = 2
	}
	if cfg.CloseTimeout == 0 {
		cfg.CloseTimeout = 10 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	h.wrap(&cfg)
	hub, err := fanout.New(cfg)
	if err != nil {
		t.Fatalf("new hub: %v", err)
	}
	h.hub = hub
	t.Cleanup(h.finish)
	return h
}

func (h *testHub) wrap(cfg *fanout.Config) {
	onConnection, onDisconnection, onBackpressure, onEvent := cfg.OnConnection, cfg.OnDisconnection, cfg.OnBackpressure, cfg.OnEvent
	cfg.OnConnection = func(s *fanout.Spoke, conn net.Conn) {
		defer h.startCallback(s, "OnConnection", func(l *spokeCalls) { l.connected++ })()
		defer func() { h.connected <- s }()
		if onConnection != nil {
			onConnection(s, conn)
		}
	}
	cfg.OnDisconnection = func(s *fanout.Spoke, conn net.Conn, cause fanout.Cause) {
		defer h.startCallback(s, "OnDisconnection", func(l *spokeCalls) { l.disconnected++ })()
		defer func() { h.gone <- disconnect{s, conn, cause} }()
		if onDisconnection != nil {
			onDisconnection(s, conn, cause)
		}
	}
	if onBackpressure != nil {
		cfg.OnBackpressure = func(s *fanout.Spoke, info fanout.Backpressure) {
			defer h.startCallback(s, "OnBackpressure", nil)()
			onBackpressure(s, info)
		}
	}
	if onEvent != nil {
		cfg.OnEvent = func(s *fanout.Spoke, e event.Event) {
			defer h.startCallback(s, "OnEvent", nil)()
			onEvent(s, e)
		}
	}
}

// startCallback notes that a callback starts and returns what notes its end.
func (h *testHub) startCallback(s *fanout.Spoke, name string, count func(*spokeCalls)) (done func()) {
	h.mu.Lock()
	l := h.spokes[s]
	if l == nil {
		l = new(spokeCalls)
		h.spokes[s] = l
	}
	if count != nil {
		count(l)
	}
	if l.connected != 1 || l.disconnected > 1 || l.disconnected == 1 && name != "OnDisconnection" {
		h.t.Errorf("spoke %d: got %s after %d OnConnection and %d OnDisconnection", s.ID(), name, l.connected, l.disconnected)
	}
	h.mu.Unlock()
	if !l.busy.CompareAndSwap(false, true) {
		h.t.Errorf("spoke %d: got %s while another callback of it runs", s.ID(), name)
	}
	return func() { l.busy.Store(false) }
}

// listen adds a listener that is watched like the callbacks are.
func (h *testHub) listen(topic string, f func(*fanout.Spoke, event.Event)) (remove func()) {
	h.t.Helper()
	remove, err := h.hub.AddEventListener(topic, func(s *fanout.Spoke, e event.Event) {
		defer h.startCallback(s, "listener", nil)()
		f(s, e)
	})
	if err != nil {
		h.t.Fatalf("listen to %q: %v", topic, err)
	}
	return remove
}

// hear has what a listener hears come through a channel, as "type id payload".
func (h *testHub) hear(topic string) <-chan string {
	h.t.Helper()
	heard := make(chan string, 1<<14)
	h.listen(topic, func(s *fanout.Spoke, e event.Event) { heard <- textOf(e) })
	return heard
}

func textOf(e event.Event) string { return e.Type + " " + e.ID + " " + string(e.Payload) }

// serve starts Serve on a TCP listener and returns its address.
func (h *testHub) serve() string {
	h.t.Helper()
	return h.serveOn(listenTCP(h.t))
}

func (h *testHub) serveOn(l net.Listener) string { return h.serveWith(l, fanout.ListenerOptions{}) }

func (h *testHub) serveWith(l net.Listener, o fanout.ListenerOptions) string {
	address := l.Addr().String()
	done := make(chan error, 1)
	go func() { done <- h.hub.ServeListener(l, o) }()
	h.t.Cleanup(func() {
		h.cut()
		if err := receive(h.t, done, "the end of Serve"); !errors.Is(err, fanout.ErrClosed) {
			h.t.Errorf("got %v from Serve, want ErrClosed", err)
		}
	})
	return address
}

func listenTCP(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// join connects a client by way of AddConnection over TCP and returns both ends.
func (h *testHub) join() (*client, *fanout.Spoke) {
	h.t.Helper()
	here, there := pair(h.t, "tcp")
	spoke, err := h.hub.AddConnection(there)
	if err != nil {
		h.t.Fatalf("add connection: %v", err)
	}
	return newClient(h.t, here), spoke
}

// pair is a connection of a network, both ends.
func pair(t testing.TB, network string) (here, there net.Conn) {
	t.Helper()
	if network == "pipe" {
		return net.Pipe()
	}
	address := "127.0.0.1:0"
	if network == "unix" {
		address = t.TempDir() + "/s"
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if here, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if there, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return here, there
}

func (h *testHub) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = h.hub.Shutdown(ctx)
}

// cut ends the hub without waiting for its peers.
func (h *testHub) cut() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = h.hub.Shutdown(ctx)
}

func (h *testHub) finish() {
	h.cut()
	until(h.t, "net/http lets go of its connections", func() bool { return h.hub.Stats().HTTPConnections == 0 })
	until(h.t, "what was about to be added is refused", func() bool { return h.hub.Stats().Connections == 0 })
	h.checkLedger(h.hub.Stats())
	st := h.hub.Stats()
	if st.Queued != 0 || st.Connections != 0 || st.HTTPConnections != 0 || st.Topics != 0 || st.Subscriptions != 0 {
		h.t.Errorf("got %d queued, %d connections, %d HTTP connections, %d topics, %d subscriptions after the end, want none",
			st.Queued, st.Connections, st.HTTPConnections, st.Topics, st.Subscriptions)
	}
	if h.unchecked {
		return
	}
	until(h.t, "all memory but that of streams is given back", func() bool {
		held := h.hub.Stats().Memory
		held.Streams = 0
		return held == fanout.Memory{}
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	for s, l := range h.spokes {
		if l.connected != 1 || l.disconnected != 1 {
			h.t.Errorf("spoke %d: got %d OnConnection and %d OnDisconnection, want one of each", s.ID(), l.connected, l.disconnected)
		}
	}
}

func (h *testHub) checkLedger(st fanout.Stats) {
	h.t.Helper()
	accounted := st.Delivered + st.HandedBack + st.DroppedBackpressure + st.DroppedClosed + st.DroppedBudget + st.Queued +
		st.DroppedTrimmed + st.DroppedSuperseded + st.DroppedSkipped
	if st.Deliveries != accounted {
		h.t.Errorf("ledger: got %d deliveries, but %d delivered + %d handed back + %d + %d + %d + %d + %d + %d dropped + %d queued", st.Deliveries, st.Delivered, st.HandedBack,
			st.DroppedBackpressure, st.DroppedClosed, st.DroppedBudget, st.DroppedTrimmed, st.DroppedSuperseded, st.DroppedSkipped, st.Queued)
	}
	if n := st.Latencies.Dispatch.Count; n != st.Delivered {
		h.t.Errorf("latencies: got %d deliveries, want the %d that were made", n, st.Delivered)
	}
}

// receive takes one value from a channel.
func receive[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("got nothing, want %s", what)
		panic("unreachable")
	}
}

// until waits for a state that no event tells of.
func until(t testing.TB, what string, reached func() bool) {
	t.Helper()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(patience); !reached(); <-poll.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: did not come about", what)
		}
	}
}

// logBook collects log lines.
type logBook struct {
	mu    sync.Mutex
	lines []string
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, string(p))
	return len(p), nil
}

func (b *logBook) count(level, part string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := 0
	for _, line := range b.lines {
		if strings.Contains(line, "level="+level) && strings.Contains(line, part) {
			found++
		}
	}
	return found
}

// all are the lines that have come.
func (b *logBook) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

func expect[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func expectAll[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %.500v, want %.500v", what, got, want)
	}
}
