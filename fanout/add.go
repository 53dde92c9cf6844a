package fanout

import (
	"fmt"
	"net"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

// AddConnection takes over an established WebSocket connection: the upgrade is done, by whatever framework. The hub reads
// from it at once and calls OnConnection before anything it sends is handled. A connection with a descriptor of its own
// (*net.TCPConn, *net.UnixConn) is taken out of conn, which is closed; any other net.Conn is served by two goroutines.
// It waits for the reactor, not for the network. On error conn is closed, except for ErrOwned, when it still belongs to
// a spoke.
func (h *Hub) AddConnection(conn net.Conn) (*Spoke, error) {
	if raw, ok := conn.(*rawConn); ok && raw.NetConn() == nil {
		return nil, fmt.Errorf("add connection: %w", ErrOwned)
	}
	peer := peerOf(conn)
	conn = h.unwrap(conn)
	s, refusal := h.admitAdded(peer, h.trusts(peer, conn))
	if refusal != nil {
		h.log.refused(peer, nil, refusal)
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

// unwrap returns the connection beneath an httpConn of this hub, which is no longer counted; any other connection as it is.
func (h *Hub) unwrap(conn net.Conn) net.Conn {
	c, ok := conn.(*httpConn)
	if !ok || c.admission != &h.admission {
		return conn
	}
	c.uncount()
	return c.Conn
}

// admitAdded makes a spoke for a connection whose handshake is done and counts it in. A proxy's connection, of which nobody knows
// whose it is, counts for no address.
func (h *Hub) admitAdded(peer peerAddress, isProxy bool) (*Spoke, *wsframe.Refusal) {
	s := &Spoke{id: h.nextID(), peer: peer, marks: countedIn | handshakeCounted}
	if isProxy {
		s.marks |= byProxy
	}
	if refusal := h.admit(s.countsFor()); refusal != nil && (refusal != refuseFull || !h.admitInstead(s.countsFor())) {
		return nil, refusal
	}
	h.admission.handshakeDone(s)
	s.loop = h.leastLoaded()
	s.loop.shared.connections.Add(1)
	h.counters.accepted.Add(1)
	return s, nil
}

// add takes over the connection of an admitted spoke; rest of it has been read already.
func (h *Hub) add(s *Spoke, conn net.Conn, rest []byte, subprotocol string) error {
	x := s.ensureExtra()
	x.subprotocol = subprotocol
	arrived := netpoll.Accepted{FD: -1, Conn: conn}
	if h.cfg.Engine.HasDescriptors() {
		fd, taken, err := netpoll.Adopt(conn)
		if err != nil {
			conn.Close()
			s.loop.uncount(s)
			return fmt.Errorf("add connection: %w", err)
		}
		if taken {
			netpoll.Tune(fd, h.cfg.sockets())
			arrived = netpoll.Accepted{FD: fd}
		}
	}
	x.beneath = arrived.Conn
	if !s.peer.known() {
		x.remote = conn.RemoteAddr()
	}
	h.connections.add(s, x, conn)
	failed := ErrClosed
	s.loop.ask(func(*netpoll.Reactor) { failed = s.loop.join(s, arrived, rest) })
	if failed != nil {
		arrived.Close()
		h.connections.remove(s)
		s.loop.uncount(s)
		return fmt.Errorf("add connection: %w", failed)
	}
	return nil
}

// join opens a connection whose handshake is done.
func (l *loop) join(s *Spoke, a netpoll.Accepted, rest []byte) error {
	if !l.hub.lifecycle.serving() {
		return ErrClosed
	}
	slot, err := l.register(a)
	if err != nil {
		return err
	}
	l.put(s, slot)
	l.openSpoke(s, rest)
	return nil
}
