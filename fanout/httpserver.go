package fanout

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// httpServer serves, with net/http, the connections whose request turned out not to be for the hub. It starts with the
// first. It is the net.Listener of its own http.Server. Any goroutine may use it.
type httpServer struct {
	hub    *Hub
	server *http.Server
	start  sync.Once
	// done is closed when the server has returned.
	done  chan struct{}
	queue connQueue
}

// connQueue holds connections that net/http has not taken yet. mu guards conns and closed.
type connQueue struct {
	mu       sync.Mutex
	nonEmpty *sync.Cond
	conns    []*httpConn
	closed   bool
}

func newHTTPServer(h *Hub) *httpServer {
	v := &httpServer{hub: h, done: make(chan struct{})}
	v.queue.nonEmpty = sync.NewCond(&v.queue.mu)
	v.server = &http.Server{
		Handler:           v,
		ReadHeaderTimeout: h.cfg.HandshakeTimeout,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    h.cfg.MaxHandshake,
		ConnContext:       withConn,
		ErrorLog:          slog.NewLogLogger(h.cfg.Logger.Handler(), slog.LevelDebug),
	}
	return v
}

// give hands a connection over to net/http. It does not block.
func (v *httpServer) give(c *httpConn) {
	v.start.Do(func() {
		go func() {
			defer close(v.done)
			_ = v.server.Serve(v)
		}()
	})
	v.queue.mu.Lock()
	v.queue.conns = append(v.queue.conns, c)
	v.queue.mu.Unlock()
	v.queue.nonEmpty.Signal()
}

// ServeHTTP routes requests on connections that net/http has: a later request may be for the hub. A connection over the
// limits is closed after its first request.
func (v *httpServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isOverLimit(r.Context()) {
		w.Header().Set("Connection", "close")
	}
	if c, ok := r.Context().Value(connKey{}).(*httpConn); ok && r.TLS == nil {
		if secure := tlsBeneath(c.Conn); secure != nil {
			state := secure.ConnectionState()
			r.TLS = &state
		}
	}
	r = v.hub.forwarded(r)
	if r.URL.Path == v.hub.cfg.Path {
		v.hub.ServeHTTP(w, r)
		return
	}
	v.hub.cfg.Fallback.ServeHTTP(w, r)
}

// Accept waits for the next connection.
func (v *httpServer) Accept() (net.Conn, error) {
	for {
		c := v.queue.pop()
		if c == nil {
			return nil, net.ErrClosed
		}
		if c.open() == nil {
			return c, nil
		}
	}
}

// pop waits for a connection. Nil: the queue is closed.
func (q *connQueue) pop() *httpConn {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.conns) == 0 && !q.closed {
		q.nonEmpty.Wait()
	}
	if q.closed {
		return nil
	}
	c := q.conns[0]
	q.conns[0] = nil
	q.conns = q.conns[1:]
	return c
}

// Close ends Accept.
func (v *httpServer) Close() error {
	v.queue.mu.Lock()
	v.queue.closed = true
	v.queue.mu.Unlock()
	v.queue.nonEmpty.Broadcast()
	return nil
}

// Addr is no address: the connections come from any listener.
func (v *httpServer) Addr() net.Addr { return &net.TCPAddr{} }

// stop ends the server, waits for it, and closes its connections and those still queued.
func (v *httpServer) stop() {
	_ = v.Close()
	started := true
	v.start.Do(func() { started = false })
	if !started {
		return
	}
	<-v.done
	_ = v.server.Close()
	for _, c := range v.queue.conns {
		if c.open() == nil {
			c.Close()
		}
	}
	v.queue.conns = nil
}
