package fanout

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/spokehub/spokehub/netpoll"
)

// httpConn is a connection of the hub's listeners that net/http serves. It stays counted until it is closed or becomes the
// hub's again: by the limits on connections or, if it is over them, as one of maxOverLimit.
//
// released is given up by open, before anybody else has the connection; the rest is for any goroutine.
type httpConn struct {
	net.Conn
	hub       *Hub
	peer      peerAddress
	overLimit bool
	uncounted atomic.Bool
	// released is the connection on its way from the reactor.
	released *netpoll.Released
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

// uncount undoes the counting, once.
func (c *httpConn) uncount() {
	if !c.uncounted.CompareAndSwap(false, true) {
		return
	}
	if c.overLimit {
		c.hub.admission.removeOverLimit()
		return
	}
	c.hub.admission.removeHTTP(c.peer)
}

// unwrap returns the connection beneath an httpConn of this hub, which is no longer counted; any other connection as it is.
func (h *Hub) unwrap(conn net.Conn) net.Conn {
	c, ok := conn.(*httpConn)
	if !ok || c.hub != h {
		return conn
	}
	c.uncount()
	return c.Conn
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
