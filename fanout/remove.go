package fanout

import (
	"fmt"
	"net"

	"github.com/spokehub/spokehub/netpoll"
)

// RemoveConnection ends a connection's subscriptions and the hub's reading, and does not close the socket. conn is the
// connection that was added, the one that callbacks get, or Spoke.Conn. The returned connection is the caller's to read,
// write and close; the one that callbacks get works too from now on. (A *net.TCPConn that was added has been closed when
// the hub took its descriptor, and stays so.) Frames queued before are still sent, ahead of what the caller writes; bytes
// read ahead are the first that it reads. OnDisconnection follows, with CauseRemoved. It waits for the reactor, not for
// the network. For a connection that the hub does not have, or no longer has, the error is ErrNotConnected.
func (h *Hub) RemoveConnection(conn net.Conn) (net.Conn, error) {
	s := h.spokeOf(conn)
	if s == nil || s.loop.hub != h {
		return nil, fmt.Errorf("remove connection: %w", ErrNotConnected)
	}
	l := s.loop
	var released *netpoll.Released
	l.ask(func(r *netpoll.Reactor) {
		if r.Holds(s.conn) && s.phase == open {
			unread := append(s.parser.Unread(nil), l.letGo(s)...)
			released = l.detach(s, Cause{Kind: CauseRemoved}, unread)
		}
	})
	if released == nil {
		return nil, fmt.Errorf("remove connection: %w", ErrNotConnected)
	}
	live, err := released.Conn()
	if err != nil {
		return nil, fmt.Errorf("remove connection: %w", err)
	}
	x := s.ensureSeldom()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.live = live
	return live, nil
}

func (h *Hub) spokeOf(conn net.Conn) *Spoke {
	if conn == nil {
		return nil
	}
	if s := h.connections.find(conn); s != nil {
		return s
	}
	if raw, ok := conn.(*rawConn); ok {
		return raw.spoke()
	}
	return nil
}
