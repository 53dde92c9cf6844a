package fanout

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// ListenAndServe listens on a TCP address and calls Serve. It listens for plain TCP, because connections from a
// Multipath TCP listener, which is what net.Listen makes, inherit no socket options and would have to be tuned one by one.
func (h *Hub) ListenAndServe(address string) error {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	l, err := plain.Listen(context.Background(), "tcp", address)
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return h.Serve(l)
}

// ListenerOptions say what is special about a listener.
type ListenerOptions struct {
	// ProxyProtocol says that a load balancer in front tells the client's address at the beginning of each connection, with the PROXY
	// protocol, version 1 or 2. A connection without that header is refused, and so is one that is none of Config.TrustedProxies', if
	// there are any; where there are none, nobody but the load balancer may be able to reach the listener. The header comes
	// ahead of TLS.
	ProxyProtocol bool
	// TLS has the listener speak TLS, in place of Config.TLS. With Plain it is an error.
	TLS *tls.Config
	// Plain has it speak no TLS, whatever Config.TLS says.
	Plain bool
	// KeepFile leaves the file of a Unix socket where it is at the end: whoever has opened the socket, such as systemd, goes on to use it.
	KeepFile bool
}

// Serve accepts connections from l and answers their handshakes on the reactors: the fast path. Requests to paths other
// than Config.Path go to Config.Fallback, by way of net/http. The descriptor of a *net.TCPListener is taken out of l, which
// is closed, and connections are accepted by a reactor; from any other listener, that of tls.NewListener included, they are accepted one
// by one and served by goroutines, as AddConnection says: for TLS set Config.TLS. It takes l over and blocks until Shutdown; then the error is ErrClosed.
func (h *Hub) Serve(l net.Listener) error { return h.ServeListener(l, ListenerOptions{}) }

// ServeListener is Serve for a listener with options.
func (h *Hub) ServeListener(l net.Listener, o ListenerOptions) error {
	if !h.lifecycle.serving() {
		l.Close()
		return ErrClosed
	}
	err := checkTLS(o.TLS)
	if o.TLS != nil && o.Plain {
		err = errors.New("Plain excludes it")
	}
	if err != nil {
		l.Close()
		return fmt.Errorf("serve: ListenerOptions.TLS: %w", err)
	}
	if unix, ok := l.(*net.UnixListener); ok && o.KeepFile {
		unix.SetUnlinkOnClose(false)
	}
	if h.cfg.Engine.HasDescriptors() {
		fd, taken, err := netpoll.AdoptListener(l)
		if err != nil {
			l.Close()
			return fmt.Errorf("serve: %w", err)
		}
		if taken {
			return h.serveDescriptor(fd, l.Addr(), h.newListener(o))
		}
	}
	return h.serveEach(l, h.newListener(o))
}

// listenerKind says what is special about the connections of a listener. It never changes.
type listenerKind struct {
	hasHeader bool
	keepsFile bool
	// tls is nil where no TLS is spoken.
	tls *tls.Config
}

func (h *Hub) newListener(o ListenerOptions) listenerKind {
	l := listenerKind{hasHeader: o.ProxyProtocol, keepsFile: o.KeepFile}
	if c := cmp.Or(o.TLS, h.cfg.TLS); c != nil && !o.Plain {
		l.tls = h.secureConfig(c)
	}
	return l
}

func (h *Hub) serveDescriptor(fd int, address net.Addr, kind listenerKind) error {
	if !netpoll.TuneListener(fd, h.cfg.sockets()) {
		h.shared.tuneEach.Store(true)
	}
	l := h.loops[0]
	var listener netpoll.Conn
	failed := ErrClosed
	l.ask(func(r *netpoll.Reactor) {
		slot, err := r.Listen(fd)
		if err == nil {
			listener = r.Conn(slot)
			l.conns.listeners[slot] = kind
		}
		failed = err
	})
	if failed != nil {
		netpoll.CloseDescriptor(fd)
		return fmt.Errorf("serve: %w", failed)
	}
	h.lifecycle.onShutdown(func() {
		l.ask(func(r *netpoll.Reactor) {
			if r.Holds(listener) {
				delete(l.conns.listeners, listener.Slot)
				r.Close(listener.Slot, netpoll.DropClosed)
			}
		})
		if unix, ok := address.(*net.UnixAddr); ok && !kind.keepsFile && !strings.HasPrefix(unix.Name, "@") {
			_ = os.Remove(unix.Name)
		}
	})
	return h.lifecycle.awaitClosed()
}

func (h *Hub) serveEach(l net.Listener, kind listenerKind) error {
	h.lifecycle.onShutdown(func() { l.Close() })
	for {
		conn, err := l.Accept()
		if err != nil {
			if !h.lifecycle.serving() {
				return h.lifecycle.awaitClosed()
			}
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("serve: %w", err)
			}
			var temporary interface{ Temporary() bool }
			if errors.As(err, &temporary) && temporary.Temporary() {
				h.acceptFailed(nil, err)
				h.pauseAccept()
				continue
			}
			return fmt.Errorf("serve: %w", err)
		}
		a := netpoll.Accepted{FD: -1, Conn: conn, Peer: peerOf(conn).addrPort()}
		if !h.loops[0].reactor.Post(netpoll.TaskFunc(func(*netpoll.Reactor) { h.loops[0].accept(h.newArrival(a, kind)) })) {
			conn.Close()
		}
	}
}

// pauseAccept waits a moment for descriptors or memory to become free.
func (h *Hub) pauseAccept() {
	select {
	case <-time.After(netpoll.Tick):
	case <-h.lifecycle.closed:
	}
}
