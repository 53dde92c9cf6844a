package fanout

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// web serves, with net/http, the connections whose request turned out not to be for the hub. It starts with the first.
type web struct {
	hub    *Hub
	server *http.Server
	start  sync.Once
	mu     sync.Mutex
	some   *sync.Cond
	queue  []*guest
	shut   bool
	done   chan struct{}
}

func newWeb(h *Hub) *web {
	w := &web{hub: h, done: make(chan struct{})}
	w.some = sync.NewCond(&w.mu)
	w.server = &http.Server{
		Handler:           w,
		ReadHeaderTimeout: h.cfg.HandshakeTimeout,
		IdleTimeout:       time.Minute,
		ConnContext:       withGuest,
		ErrorLog:          slog.NewLogLogger(h.cfg.Logger.Handler(), slog.LevelDebug),
	}
	return w
}

// give hands over a connection. It does not wait.
func (w *web) give(g *guest) {
	w.start.Do(func() { go w.serve() })
	w.mu.Lock()
	w.queue = append(w.queue, g)
	w.mu.Unlock()
	w.some.Signal()
}

func (w *web) serve() {
	defer close(w.done)
	_ = w.server.Serve(w)
}

// ServeHTTP routes requests on connections that net/http has: a later one may be for the hub. One that is over the limits
// has no later one.
func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if isOver(r.Context()) {
		rw.Header().Set("Connection", "close")
	}
	if r.URL.Path == w.hub.cfg.Path {
		w.hub.ServeHTTP(rw, r)
		return
	}
	w.hub.cfg.Fallback.ServeHTTP(rw, r)
}

// Accept waits for the next connection.
func (w *web) Accept() (net.Conn, error) {
	for {
		g, ok := w.wait()
		if !ok {
			return nil, net.ErrClosed
		}
		if g.enter() == nil {
			return g, nil
		}
	}
}

func (w *web) wait() (*guest, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 && !w.shut {
		w.some.Wait()
	}
	if w.shut {
		return nil, false
	}
	g := w.queue[0]
	w.queue[0] = nil
	w.queue = w.queue[1:]
	return g, true
}

// Close ends Accept.
func (w *web) Close() error {
	w.mu.Lock()
	w.shut = true
	w.mu.Unlock()
	w.some.Broadcast()
	return nil
}

// Addr is no address: the connections come from any listener.
func (w *web) Addr() net.Addr { return &net.TCPAddr{} }

// stop ends the server, waits for it and closes all that it has, and what it has not taken yet.
func (w *web) stop() {
	_ = w.Close()
	started := true
	w.start.Do(func() { started = false })
	if !started {
		return
	}
	<-w.done
	_ = w.server.Close()
	for _, g := range w.queue {
		if g.enter() == nil {
			g.Close()
		}
	}
	w.queue = nil
}
