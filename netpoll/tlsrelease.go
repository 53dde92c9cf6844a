package netpoll

import (
	"crypto/tls"
	"net"
)

// leave has the session go on over raw, without the reactor.
func (t *tlsSession) leave(raw net.Conn) *tls.Conn {
	t.raw, t.reactor, t.rest, t.sealed = raw, nil, nil, 0
	return t.conn
}

// TLSSession is the TLS of a connection on its way back to a reactor.
type TLSSession tlsSession

// DetachTLS takes a connection of TLS apart that Released.Conn has made and its owner gives back, so that a reactor can go on with it: beneath
// is what it stands on, for Adopt or OpenLink, and Reactor.Reattach gives the opened connection its session. ok is false for any
// other connection, which is untouched.
func DetachTLS(conn net.Conn) (session *TLSSession, beneath net.Conn, ok bool) {
	t := sessionOf(conn)
	if t == nil || t.raw == nil {
		return nil, nil, false
	}
	return (*TLSSession)(t), Settled(t.raw), true
}

// IsReattached says whether conn is one of TLS that Released.Conn has made and that was given back: it is a reactor's, or was until its end.
// Any goroutine may ask.
func IsReattached(conn net.Conn) bool {
	t := sessionOf(conn)
	return t != nil && t.raw == nil
}

// sessionOf is the session of a connection of TLS that Released.Conn has made, nil for any other.
func sessionOf(conn net.Conn) *tlsSession {
	secure, isTLS := Settled(conn).(*tls.Conn)
	if !isTLS {
		return nil
	}
	t, _ := secure.NetConn().(*tlsSession)
	return t
}

// Reattach gives the connection in slot n its TLS back. What crypto/tls has read ahead comes as input, in a task.
func (r *Reactor) Reattach(n uint32, session *TLSSession) {
	r.owner.assert()
	t := (*tlsSession)(session)
	t.raw, t.reactor, t.token = nil, r, r.Conn(n)
	t.flags |= tlsDrain
	r.attach(n, t)
	r.Post((*tlsReturn)(t))
}

// tlsReturn reads what crypto/tls has read ahead.
type tlsReturn tlsSession

// Do reads it, unless the connection is paused: then Resume does.
func (b *tlsReturn) Do(r *Reactor) {
	t := (*tlsSession)(b)
	if r.Holds(t.token) && t.flags&tlsDrain != 0 && !r.conns.table.At(t.token.Slot).is(paused) {
		r.inputRecords(t.token.Slot, t, nil)
	}
}

// resumeSecured has what crypto/tls has read ahead come as input, now that the connection is read again.
func (r *Reactor) resumeSecured(n uint32) {
	if t := *r.secured.bySlot.At(n); t.handshake == nil && t.flags&tlsDrain != 0 {
		r.Post((*tlsReturn)(t))
	}
}
