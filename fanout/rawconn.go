package fanout

import (
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// ErrOwned is returned by the raw connection of a spoke, and by AddConnection for it, while the hub reads and writes it.
var ErrOwned = errors.New("connection belongs to the hub: take it back with RemoveConnection to read or write it")

// Conn is the raw connection, the one that callbacks get. It tells addresses; reading and writing it and setting deadlines
// fail with ErrOwned until RemoveConnection has taken it back, and Close closes the spoke. Besides the methods of net.Conn
// it has two that a type assertion finds:
//
//	ConnectionState() tls.ConnectionState // that of a TLS connection, the zero value for any other
//	NetConn() net.Conn                    // after RemoveConnection the connection that it returned, before it nil
func (s *Spoke) Conn() net.Conn { return (*rawConn)(s) }

var _ net.Conn = (*rawConn)(nil)

// rawConn is a spoke as a net.Conn. It is the same pointer, so it costs nothing and is the same value in each callback.
type rawConn Spoke

func (c *rawConn) spoke() *Spoke { return (*Spoke)(c) }

// live is the connection after RemoveConnection, before it one that fails.
func (c *rawConn) live() net.Conn {
	if conn := c.NetConn(); conn != nil {
		return conn
	}
	return ownedConn{}
}

func (c *rawConn) Read(p []byte) (int, error)  { return c.live().Read(p) }
func (c *rawConn) Write(p []byte) (int, error) { return c.live().Write(p) }

func (c *rawConn) SetDeadline(t time.Time) error      { return c.live().SetDeadline(t) }
func (c *rawConn) SetReadDeadline(t time.Time) error  { return c.live().SetReadDeadline(t) }
func (c *rawConn) SetWriteDeadline(t time.Time) error { return c.live().SetWriteDeadline(t) }

func (c *rawConn) Close() error {
	if conn := c.NetConn(); conn != nil {
		return conn.Close()
	}
	c.spoke().Close(CodeNormal, "")
	return nil
}

// NetConn is the connection that RemoveConnection returned, nil before that.
func (c *rawConn) NetConn() net.Conn {
	x := c.spoke().seldom()
	if x == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.live
}

// tlsConn is what a *tls.Conn has and others do not.
type tlsConn interface {
	ConnectionState() tls.ConnectionState
}

// ConnectionState is the state of the TLS connection beneath, the zero value if there is none. It asks the loop. After the end it knows only
// that of a connection whose handshake was done elsewhere, or a live one.
func (c *rawConn) ConnectionState() tls.ConnectionState {
	if secure := tlsBeneath(c.NetConn()); secure != nil {
		return secure.ConnectionState()
	}
	if secure := tlsBeneath(c.beneath()); secure != nil {
		return secure.ConnectionState()
	}
	s := c.spoke()
	var secure *tls.Conn
	s.loop.ask(func(r *netpoll.Reactor) {
		if r.Holds(s.conn) {
			secure = r.TLS(s.conn.Slot)
		}
	})
	if secure != nil {
		return secure.ConnectionState()
	}
	return tls.ConnectionState{}
}

// tlsBeneath is the connection of TLS that conn is or stands on, nil if there is none.
func tlsBeneath(conn net.Conn) tlsConn {
	for conn != nil {
		if secure, ok := conn.(tlsConn); ok {
			return secure
		}
		over, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		conn = over.NetConn()
	}
	return nil
}

func (c *rawConn) beneath() net.Conn {
	if x := c.spoke().seldom(); x != nil {
		return x.beneath
	}
	return nil
}

// LocalAddr asks the loop. After the end it knows only that of a connection without a descriptor, or a live one.
func (c *rawConn) LocalAddr() net.Addr {
	for _, conn := range [...]net.Conn{c.NetConn(), c.beneath()} {
		if conn != nil {
			return conn.LocalAddr()
		}
	}
	s := c.spoke()
	var local net.Addr
	s.loop.ask(func(r *netpoll.Reactor) {
		if r.Holds(s.conn) {
			local = r.LocalAddr(s.conn.Slot)
		}
	})
	if local == nil {
		return &net.TCPAddr{}
	}
	return local
}

func (c *rawConn) RemoteAddr() net.Addr { return c.spoke().RemoteAddr() }

// ownedConn is a connection that only the hub may read and write. The methods that it lacks are never called.
type ownedConn struct{ net.Conn }

func (ownedConn) Read([]byte) (int, error)         { return 0, ErrOwned }
func (ownedConn) Write([]byte) (int, error)        { return 0, ErrOwned }
func (ownedConn) SetDeadline(time.Time) error      { return ErrOwned }
func (ownedConn) SetReadDeadline(time.Time) error  { return ErrOwned }
func (ownedConn) SetWriteDeadline(time.Time) error { return ErrOwned }
