package fanout

import (
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"sync"
	"weak"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

// AddConnection takes over an established WebSocket connection: the upgrade is done, by whatever framework. The hub reads
// from it at once and calls OnConnection before anything it sends is handled. A connection with a descriptor of its own
// (*net.TCPConn, *net.UnixConn) is taken out of conn, which is closed; any other net.Conn is served by two goroutines.
// It waits for the reactor, not for the network. On error conn is closed, but for ErrOwned: then it is a spoke's, which goes on.
func (h *Hub) AddConnection(conn net.Conn) (*Spoke, error) {
	if raw, ok := conn.(*rawConn); ok {
		if _, err := raw.released(); err != nil {
			return nil, fmt.Errorf("add connection: %w", err)
		}
	}
	conn = h.takeBack(conn)
	s, refusal := h.admitted(conn)
	if refusal != nil {
		conn.Close()
		if refusal == refuseDown {
			return nil, ErrClosed
		}
		return nil, ErrTooMany
	}
	if err := h.add(s, conn, nil, ""); err != nil {
		return nil, err
	}
	return s, nil
}

// admitted makes a spoke for a connection and counts it in.
func (h *Hub) admitted(conn net.Conn) (*Spoke, *wsframe.Refusal) {
	s := &Spoke{id: h.nextID(), peer: peerOf(conn), marks: countedIn}
	if refusal := h.admit(s.peer); refusal != nil {
		return nil, refusal
	}
	h.sources.shaken(&h.cfg, s.peer)
	s.lane = h.leastLoaded()
	s.lane.load.Add(1)
	h.accepted.Add(1)
	return s, nil
}

// add takes over the connection of an admitted spoke; rest of it has been read already.
func (h *Hub) add(s *Spoke, conn net.Conn, rest []byte, subprotocol string) error {
	x := s.more()
	x.subprotocol = subprotocol
	arrived := netpoll.Accepted{FD: -1, Conn: conn}
	if h.cfg.Engine.HasDescriptors() {
		fd, taken, err := netpoll.Adopt(conn)
		if err != nil {
			conn.Close()
			h.unadd(s)
			return fmt.Errorf("add connection: %w", err)
		}
		if taken {
			netpoll.Tune(fd, h.sockets())
			arrived = netpoll.Accepted{FD: fd}
		}
	}
	x.under = arrived.Conn
	if !s.peer.known() {
		x.remote = conn.RemoteAddr()
	}
	h.added.remember(s, x, conn)
	failed := ErrClosed
	s.lane.ask(func(*netpoll.Reactor) { failed = s.lane.join(s, arrived, rest) })
	if failed != nil {
		arrived.Close()
		h.forgetAdded(s)
		h.unadd(s)
		return fmt.Errorf("add connection: %w", failed)
	}
	return nil
}

func (h *Hub) unadd(s *Spoke) {
	s.lane.load.Add(-1)
	h.departed(s)
}

// join opens a connection whose handshake is done.
func (l *lane) join(s *Spoke, a netpoll.Accepted, rest []byte) error {
	if l.hub.state.Load() != serving {
		return ErrClosed
	}
	slot, err := l.open(a)
	if err != nil {
		return err
	}
	l.put(s, slot)
	l.begin(s, rest)
	return nil
}

func peerOf(conn net.Conn) peerAddress {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		if ip, ok := netip.AddrFromSlice(tcp.IP); ok {
			return addressOf(netip.AddrPortFrom(ip, uint16(tcp.Port)))
		}
	}
	return peerAddress{}
}

// added finds the spokes of connections that embedders have added by those connections. What was taken out of a
// *net.TCPConn does not keep that alive: who no longer has it can't ask with it.
type added struct {
	mu     sync.Mutex
	spokes map[any]*Spoke
}

func (a *added) remember(s *Spoke, x *extra, conn net.Conn) {
	x.key = keyOf(conn)
	if x.key == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spokes == nil {
		a.spokes = make(map[any]*Spoke)
	}
	a.spokes[x.key] = s
}

func (a *added) find(conn net.Conn) *Spoke {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.spokes[keyOf(conn)]
}

func (h *Hub) forgetAdded(s *Spoke) {
	x := s.extra.Load()
	if x == nil || x.key == nil {
		return
	}
	h.added.mu.Lock()
	defer h.added.mu.Unlock()
	if h.added.spokes[x.key] == s {
		delete(h.added.spokes, x.key)
	}
}

// keyOf is what tells a connection from others; nil for one of a type that can't be compared, which Spoke.Conn stands for.
func keyOf(conn net.Conn) any {
	switch c := conn.(type) {
	case *net.TCPConn:
		return weak.Make(c)
	case *net.UnixConn:
		return weak.Make(c)
	case *guest:
		return keyOf(c.Conn)
	}
	if !reflect.ValueOf(conn).Comparable() {
		return nil
	}
	return conn
}
