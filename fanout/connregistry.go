package fanout

import (
	"net"
	"reflect"
	"sync"
	"weak"
)

// connRegistry finds the spoke of a connection that an embedder has added. It does not keep a *net.TCPConn alive after its
// descriptor was taken out: an embedder that no longer has it can't ask for it either. mu guards spokes.
type connRegistry struct {
	mu     sync.Mutex
	spokes map[any]*Spoke
}

func (c *connRegistry) add(s *Spoke, x *seldom, conn net.Conn) {
	x.key = keyOf(conn)
	if x.key == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spokes == nil {
		c.spokes = make(map[any]*Spoke)
	}
	c.spokes[x.key] = s
}

func (c *connRegistry) find(conn net.Conn) *Spoke {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spokes[keyOf(conn)]
}

func (c *connRegistry) remove(s *Spoke) {
	x := s.seldom()
	if x == nil || x.key == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spokes[x.key] == s {
		delete(c.spokes, x.key)
	}
}

// keyOf identifies a connection. It is nil for one of a type that can't be compared, which can be removed only by its
// Spoke.Conn.
func keyOf(conn net.Conn) any {
	switch c := conn.(type) {
	case *net.TCPConn:
		return weak.Make(c)
	case *net.UnixConn:
		return weak.Make(c)
	case *httpConn:
		return keyOf(c.Conn)
	}
	if !reflect.ValueOf(conn).Comparable() {
		return nil
	}
	return conn
}
