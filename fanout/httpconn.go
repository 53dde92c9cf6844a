package fanout

import (
	"context"
	"net"
	"sync"

	"github.com/spokehub/spokehub/netpoll"
)

// httpConn is a connection from one of the hub's listeners that net/http serves. Until it is closed, or becomes the hub's
// again, it counts against the limits on connections or, if it is over them, as one of maxOverLimit.
//
// Owners: released belongs to the httpServer until open; the rest is for any goroutine.
type httpConn struct {
	net.Conn
	// admission counts it.
	admission *admission
	// peer is whose it is, countsFor the address that it counts for.
	peer      peerAddress
	countsFor peerAddress
	overLimit bool
	// held is how much memory it is counted for.
	held      int64
	uncounted sync.Once
	// released is the connection on its way from the reactor.
	released *netpoll.Released
}

// httpConnBytes is about how much memory net/http takes for a connection: a goroutine, two buffers, and what describes a request.
const httpConnBytes = 16 << 10

// hasRoomForHTTP says whether another HTTP connection fits into the quarter of the memory budget that they may take together.
// Further ones are treated like connections over the limits. Any goroutine may call it.
func (h *Hub) hasRoomForHTTP() bool {
	return h.admission.httpBytes.Load()+httpConnBytes <= h.cfg.MemoryBudget/4
}

// open makes the connection ready for net/http. If that fails, it is no longer counted.
func (c *httpConn) open() error {
	conn, err := c.released.Conn()
	c.released = nil
	if err != nil {
		c.uncount()
		return err
	}
	c.Conn = conn
	return nil
}

// Close closes the connection, which is no longer counted.
func (c *httpConn) Close() error {
	err := c.Conn.Close()
	c.uncount()
	return err
}

// RemoteAddr is the client's address, also where a load balancer has told it ahead of the request.
func (c *httpConn) RemoteAddr() net.Addr {
	if c.peer.known() {
		return net.TCPAddrFromAddrPort(c.peer.addrPort())
	}
	return c.Conn.RemoteAddr()
}

// uncount undoes the counting, once: net/http may close a connection twice at the same time, and whoever returns finds it uncounted.
func (c *httpConn) uncount() {
	c.uncounted.Do(func() {
		c.admission.httpBytes.Add(-c.held)
		if c.overLimit {
			c.admission.removeOverLimit()
			return
		}
		c.admission.removeHTTP(c.countsFor)
	})
}

// connKey is where the context of a request has its connection.
type connKey struct{}

func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// isOverLimit says whether a request came on a connection that is over the limits.
func isOverLimit(ctx context.Context) bool {
	c, ok := ctx.Value(connKey{}).(*httpConn)
	return ok && c.overLimit
}
