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
// the network. For a connection that the hub does not have, or no longer, the error is ErrNotConnected.
func (h *Hub) RemoveConnection(conn net.Conn) (net.Conn, error) {
	s := h.spokeOf(conn)
	if s == nil || s.lane.hub != h {
		return nil, fmt.Errorf("remove connection: %w", ErrNotConnected)
	}
	var released *netpoll.Released
	s.lane.ask(func(r *netpoll.Reactor) {
		if r.Holds(s.conn) && s.phase == open {
			released = s.lane.release(s)
		}
	})
	if released == nil {
		return nil, fmt.Errorf("remove connection: %w", ErrNotConnected)
	}
	live, err := released.Conn()
	if err != nil {
		return nil, fmt.Errorf("remove connection: %w", err)
	}
	x := s.more()
	x.mu.Lock()
	x.released = live
	x.mu.Unlock()
	return live, nil
}

func (h *Hub) spokeOf(conn net.Conn) *Spoke {
	if conn == nil {
		return nil
	}
	if s := h.added.find(conn); s != nil {
		return s
	}
	if raw, ok := conn.(*rawConn); ok {
		return raw.spoke()
	}
	return nil
}

// release takes an open spoke out of the hub and its connection out of the reactor.
func (l *lane) release(s *Spoke) *netpoll.Released {
	unread := s.parser.Unread(nil)
	if defectLosesReadAhead {
		unread = nil
	}
	l.remove(s, Cause{Kind: CauseRemoved})
	slot := s.conn.Slot
	l.leave(s)
	return l.reactor.Release(slot, unread)
}
