package netpoll

import "net"

// Released is a connection on its way back from a reactor to another owner.
type Released struct {
	fd      int32
	link    *link
	writing bool
	unread  []byte
	unsent  []byte
}

// Release takes a connection out of the reactor without closing it. What is queued on it and what unread holds (bytes
// that were read ahead, in order) stay with the connection: see Released.Conn. The slot is no longer valid.
func (r *Reactor) Release(n uint32, unread []byte) *Released {
	r.owner.assert()
	s := r.conns.table.At(n)
	out := &Released{fd: s.fd, unread: unread, unsent: r.sender.handBack(n)}
	if s.is(linked) {
		out.link = r.links.bySlot[n]
		out.writing = out.link.out.busy
		delete(r.links.bySlot, n)
		out.link.detach()
	} else {
		r.detach(s)
	}
	r.conns.retire(n)
	return out
}

// Conn makes a net.Conn of the released connection. Unread bytes are the first that its Read returns. Unsent bytes are
// written in the background, ahead of whatever the new owner writes: its Write waits for them. Where there is neither,
// the plain connection comes back. It may wait for the end of a read under way, not for the peer; call it once, on any
// goroutine but the reactor's.
func (c *Released) Conn() (net.Conn, error) {
	if c.link == nil {
		conn, err := connOf(c.fd)
		if err != nil {
			return nil, err
		}
		if len(c.unread) == 0 && len(c.unsent) == 0 {
			return conn, nil
		}
		return newHandover(conn, c.unread, c.unsent, nil), nil
	}
	ahead, reading := c.link.awaitReader()
	unread := append(c.unread, ahead...)
	if len(unread) == 0 && len(c.unsent) == 0 && !c.writing && !reading {
		return c.link.conn, nil
	}
	h := newHandover(c.link.conn, unread, c.unsent, c.link.out.done)
	if reading {
		h.reader = c.link
	}
	return h, nil
}
