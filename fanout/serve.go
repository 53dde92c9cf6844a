package fanout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// ListenAndServe listens on a TCP address and calls Serve. It listens for plain TCP: what a Multipath TCP listener, as
// net.Listen makes it, accepts inherits no options and must be tuned one by one.
func (h *Hub) ListenAndServe(address string) error {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	l, err := plain.Listen(context.Background(), "tcp", address)
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return h.Serve(l)
}

// Serve accepts connections from l and answers their handshakes on the reactors: the fast path. Requests to another path
// than Config.Path go to Config.Fallback, by way of net/http. The descriptor of a *net.TCPListener is taken out of l, which
// is closed, and connections are accepted by a reactor; from any other listener, as for TLS, they are accepted one by one
// and served by goroutines. It takes l over and blocks until Shutdown; then the error is ErrClosed.
func (h *Hub) Serve(l net.Listener) error {
	if h.state.Load() != serving {
		l.Close()
		return ErrClosed
	}
	if h.cfg.Engine.HasDescriptors() {
		fd, taken, err := netpoll.AdoptListener(l)
		if err != nil {
			l.Close()
			return fmt.Errorf("serve: %w", err)
		}
		if taken {
			return h.serveDescriptor(fd, l.Addr())
		}
	}
	return h.serveListener(l)
}

func (h *Hub) serveDescriptor(fd int, address net.Addr) error {
	if !netpoll.TuneListener(fd, h.sockets()) {
		h.tuneEach.Store(true)
	}
	l := h.lanes[0]
	var listener netpoll.Conn
	failed := ErrClosed
	l.ask(func(r *netpoll.Reactor) {
		slot, err := r.Listen(fd)
		if err == nil {
			listener = r.Conn(slot)
		}
		failed = err
	})
	if failed != nil {
		netpoll.CloseDescriptor(fd)
		return fmt.Errorf("serve: %w", failed)
	}
	h.onShutdown(func() {
		l.ask(func(r *netpoll.Reactor) {
			if r.Holds(listener) {
				r.Close(listener.Slot, netpoll.DropClosed)
			}
		})
		if unix, ok := address.(*net.UnixAddr); ok && !strings.HasPrefix(unix.Name, "@") {
			_ = os.Remove(unix.Name)
		}
	})
	<-h.closed
	return h.whyClosed()
}

func (h *Hub) serveListener(l net.Listener) error {
	h.onShutdown(func() { l.Close() })
	for {
		conn, err := l.Accept()
		if err != nil {
			if h.state.Load() != serving {
				<-h.closed
				return h.whyClosed()
			}
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("serve: %w", err)
			}
			var temporary interface{ Temporary() bool }
			if errors.As(err, &temporary) && temporary.Temporary() {
				h.lanes[0].AcceptFailed(0, err)
				h.pauseAccept()
				continue
			}
			return fmt.Errorf("serve: %w", err)
		}
		a := netpoll.Accepted{FD: -1, Conn: conn, Peer: peerOf(conn).addrPort()}
		if !h.lanes[0].reactor.Post(netpoll.TaskFunc(func(r *netpoll.Reactor) { h.lanes[0].Accepted(0, a) })) {
			conn.Close()
		}
	}
}

// pauseAccept gives what is used up a moment to come free.
func (h *Hub) pauseAccept() {
	select {
	case <-time.After(tick):
	case <-h.closed:
	}
}

// onShutdown registers what stops a listener.
func (h *Hub) onShutdown(stop func()) {
	h.mu.Lock()
	late := h.state.Load() != serving
	if !late {
		h.listening = append(h.listening, stop)
	}
	h.mu.Unlock()
	if late {
		stop()
	}
}

func (h *Hub) whyClosed() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.broken != nil {
		return h.broken
	}
	return ErrClosed
}

func (h *Hub) sockets() netpoll.Sockets {
	return netpoll.Sockets{
		SendBuffer:  h.cfg.SendBuffer,
		UnsentLimit: max(h.cfg.UnsentLimit, 0),
		DeferAccept: h.cfg.FirstByteTimeout,
	}
}
