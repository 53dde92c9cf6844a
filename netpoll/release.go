package netpoll

import "net"

// Released is a connection on its way back from a reactor to another owner.
type Released struct {
	fd      int32
	link    *link
	writing bool
	unread  []byte
	unsent  []byte
	// tls is the session of a connection of TLS, and records those that its socket had not taken.
	tls     *tlsSession
	records []byte
}

// Release takes a connection out of the reactor without closing it. What is queued on it and what unread holds (bytes
// that were read ahead, in order) stay with the connection: see Released.Conn. The slot is no longer valid.
func (r *Reactor) Release(n uint32, unread []byte) *Released {
	r.owner.assert()
	s := r.conns.table.At(n)
	out := &Released{fd: s.fd, unread: unread, unsent: r.sender.handBack(n)}
	if s.is(secured) {
		out.tls = r.unsecure(n)
		out.records = out.tls.rest
	}
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
// the plain connection comes back, a *tls.Conn for one of TLS. It may wait for the end of a read under way, not for the peer; call it once, on any
// goroutine but the reactor's.
func (c *Released) Conn() (net.Conn, error) {
	if c.tls == nil {
		return c.beneath(c.unread, c.unsent)
	}
	raw, err := c.beneath(nil, c.records)
	if err != nil {
		return nil, err
	}
	conn := c.tls.leave(raw)
	if len(c.unread) == 0 && len(c.unsent) == 0 {
		return conn, nil
	}
	return newHandover(conn, c.unread, c.unsent, nil), nil
}

// beneath makes a net.Conn of the socket or link alone.
func (c *Released) beneath(unread, unsent []byte) (net.Conn, error) {
	if c.link == nil {
		conn, err := connOf(c.fd)
		if err != nil {
			return nil, err
		}
		if len(unread) == 0 && len(unsent) == 0 {
			return conn, nil
		}
		return newHandover(conn, unread, unsent, nil), nil
	}
	ahead, reading := c.link.awaitReader()
	unread = append(unread, ahead...)
	if len(unread) == 0 && len(unsent) == 0 && !c.writing && !reading {
		return c.link.conn, nil
	}
	h := newHandover(c.link.conn, unread, unsent, c.link.writerDone(c.writing))
	if reading {
		h.reader = c.link
	}
	return h, nil
}
