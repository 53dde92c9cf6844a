package fanout

import (
	"errors"
	"net"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// ErrOwned is returned by the raw connection of a spoke, and by AddConnection for it, while the hub reads and writes it.
var ErrOwned = errors.New("connection belongs to the hub: take it back with RemoveConnection to read or write it")

// rawConn is a spoke as a net.Conn. It is the same pointer, so it costs nothing and is the same value in each callback.
type rawConn Spoke

func (c *rawConn) spoke() *Spoke { return (*Spoke)(c) }

func (c *rawConn) released() (net.Conn, error) {
	x := c.spoke().extra.Load()
	if x == nil {
		return nil, ErrOwned
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.released == nil {
		return nil, ErrOwned
	}
	return x.released, nil
}

func (c *rawConn) Read(p []byte) (int, error) {
	conn, err := c.released()
	if err != nil {
		return 0, err
	}
	return conn.Read(p)
}

func (c *rawConn) Write(p []byte) (int, error) {
	conn, err := c.released()
	if err != nil {
		return 0, err
	}
	return conn.Write(p)
}

func (c *rawConn) Close() error {
	conn, err := c.released()
	if err != nil {
		c.spoke().Close(CodeNormal, "")
		return nil
	}
	return conn.Close()
}

// NetConn is the connection beneath: after RemoveConnection the live one; before it the connection that was handed to
// AddConnection where it has no descriptor of its own (TLS, a pipe), for questions such as the TLS state; else nil.
func (c *rawConn) NetConn() net.Conn {
	if conn, err := c.released(); err == nil {
		return conn
	}
	if x := c.spoke().extra.Load(); x != nil {
		return x.under
	}
	return nil
}

func (c *rawConn) LocalAddr() net.Addr {
	if conn := c.NetConn(); conn != nil {
		return conn.LocalAddr()
	}
	return c.spoke().localAddr()
}

func (c *rawConn) RemoteAddr() net.Addr { return c.spoke().RemoteAddr() }

func (c *rawConn) SetDeadline(t time.Time) error {
	conn, err := c.released()
	if err != nil {
		return err
	}
	return conn.SetDeadline(t)
}

func (c *rawConn) SetReadDeadline(t time.Time) error {
	conn, err := c.released()
	if err != nil {
		return err
	}
	return conn.SetReadDeadline(t)
}

func (c *rawConn) SetWriteDeadline(t time.Time) error {
	conn, err := c.released()
	if err != nil {
		return err
	}
	return conn.SetWriteDeadline(t)
}

// localAddr asks the reactor; after the end there is nothing to tell.
func (s *Spoke) localAddr() net.Addr {
	var local net.Addr
	s.lane.ask(func(r *netpoll.Reactor) {
		if r.Holds(s.conn) {
			local = r.LocalAddr(s.conn.Slot)
		}
	})
	if local == nil {
		return &net.TCPAddr{}
	}
	return local
}
