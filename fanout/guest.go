package fanout

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

// guest is a connection of the hub's listeners that net/http has. It stays counted until it is closed or the hub takes it
// back: by the limits on connections, or, if it is over them, as one of mostOver.
type guest struct {
	net.Conn
	hub      *Hub
	peer     peerAddress
	over     bool
	left     atomic.Bool
	released *netpoll.Released
}

// invite makes a guest of a spoke whose request is not for the hub. What counted the spoke counts the guest from now on,
// but for its handshake, which is done.
func (l *lane) invite(s *Spoke) *guest {
	h := l.hub
	g := &guest{hub: h, peer: s.peer}
	if l.over[s.conn.Slot] != nil {
		delete(l.over, s.conn.Slot)
		g.over = true
		return g
	}
	h.handshakeDone(s)
	h.guests.Add(1)
	s.marks &^= countedIn
	h.oneLess()
	return g
}

// enter makes the connection ready for net/http. A guest for which that fails has left.
func (g *guest) enter() error {
	conn, err := g.released.Conn()
	g.released = nil
	if err != nil {
		g.leave()
		return err
	}
	g.Conn = conn
	return nil
}

// leave gives back, once, what counts the guest.
func (g *guest) leave() {
	if !g.left.CompareAndSwap(false, true) {
		return
	}
	if g.over {
		g.hub.over.Add(-1)
		return
	}
	g.hub.sources.leave(&g.hub.cfg, g.peer)
	g.hub.guests.Add(-1)
}

// Close closes the connection and is the end of the visit.
func (g *guest) Close() error {
	err := g.Conn.Close()
	g.leave()
	return err
}

// takeBack is the connection beneath a guest of this hub, which is none any more; any other connection as it is.
func (h *Hub) takeBack(conn net.Conn) net.Conn {
	g, ok := conn.(*guest)
	if !ok || g.hub != h {
		return conn
	}
	g.leave()
	return g.Conn
}

// guestKey is where the context of a request has the guest that it comes from.
type guestKey struct{}

func withGuest(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, guestKey{}, conn)
}

// isOver says whether a request comes from a guest that is over the limits.
func isOver(ctx context.Context) bool {
	g, ok := ctx.Value(guestKey{}).(*guest)
	return ok && g.over
}

// mostOver is how many connections over the limits the hub has at a time, to read their requests: one that is not for the
// hub, such as a health check, is answered even when the hub is full.
const mostOver = 32

// letIn takes one of the places for connections over the limits, if refusal is for those and a place is free.
func (h *Hub) letIn(refusal *wsframe.Refusal) bool {
	if refusal != refuseFull && refusal != refuseMany {
		return false
	}
	if h.over.Add(1) > mostOver {
		h.over.Add(-1)
		return false
	}
	return true
}

// leaveOver gives the place of a connection over the limits back, if slot has one.
func (l *lane) leaveOver(slot uint32) {
	if l.over[slot] != nil {
		delete(l.over, slot)
		l.hub.over.Add(-1)
	}
}
