package netpoll

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// tlsSession is the TLS of one connection: a connection of crypto/tls, and the net.Conn in memory on which that stands. What the reactor
// has received is what its Read gives, and what its Write gets the reactor sends, so an idle session needs neither a goroutine nor a
// buffer of ours.
//
//	greeting   the reactor collects the first record
//	shaking    a goroutine of its own drives conn, whose Read waits for what the reactor brings (tlshandshake.go)
//	attached   the reactor drives conn: Read opens records (tlsread.go), Write seals them (tlswrite.go)
//	failed     the handshake has failed; what comes is dropped
//	released   its new owner drives conn, over raw (tlsrelease.go)
//
// Owners: conn, bounds and what Read and Write touch belong to the goroutine of the handshake while there is one, to the owner of a
// released connection, and else to the reactor, as all the rest.
//
// I1: rest is sent before anything else, and whole, unless the connection ends: a record that is cut makes the session worthless.
// I2: the Sender offers again, first, what was sealed of its bytes and is not with the socket: sealed says how much that is.
// I3: crypto/tls is given as much of a record as its buffer takes, and never the beginning of another behind it: so its buffer grows
// to the longest record and no further.
type tlsSession struct {
	conn    *tls.Conn
	reactor *Reactor
	token   Conn
	bounds  recordBounds
	// handshake is what there is while the session is greeting or shaking, nil afterwards.
	handshake *tlsHandshake
	// rest are records that the socket has not taken.
	rest []byte
	// sealed is how many bytes of the Sender's are in rest.
	sealed int32
	// held is how much memory it is counted for.
	held int32
	// wire is how many bytes have come since something was opened.
	wire      int32
	fruitless fruitless
	flags     tlsFlags
	// raw is there once the connection is released.
	raw net.Conn
}

// tlsFlags are what else is known of a session, a bit each.
type tlsFlags uint8

const (
	// tlsFailed: the handshake has failed, or what came could not be opened.
	tlsFailed tlsFlags = 1 << iota
	// tlsEnded: the peer has said that nothing more comes.
	tlsEnded
	// tlsShutting: the write side is to be shut behind rest.
	tlsShutting
	// tlsDrain: crypto/tls may have more than was given to it since it was attached.
	tlsDrain
)

// tlsSessions are the sessions of a reactor, and what they share while one of them is at work. It belongs to the reactor's goroutine, but for
// driven, which mu guards.
type tlsSessions struct {
	bySlot Table[*tlsSession]
	// view is what a connection has sent and its session has not opened yet.
	view []byte
	// opened is where plaintext lands, records where records do, and gathered what is sealed together.
	opened, records, gathered []byte
	// overhead is how many bytes more than it has the input under way took on the wire.
	overhead int
	// held is the memory of what sessions hold besides what each takes when it is idle.
	held int
	// driven is the session that the reactor has at work. What any other is asked for comes from somebody who gave its connection back,
	// closes it none the less, and may not touch what the sessions share.
	mu     sync.Mutex
	driven *tlsSession
}

// drive notes which session the reactor has at work, nil for none.
func (x *tlsSessions) drive(t *tlsSession) {
	x.mu.Lock()
	x.driven = t
	x.mu.Unlock()
}

// take takes records that t has made, if the reactor has it at work.
func (x *tlsSessions) take(t *tlsSession, records []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.driven != t {
		return 0, net.ErrClosed
	}
	x.records = append(x.records, records...)
	return len(records), nil
}

// drives says whether the reactor has t at work.
func (x *tlsSessions) drives(t *tlsSession) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.driven == t
}

const (
	// recordHeader and maxRecord are the length of a record's header and that of its longest body, RFC 8446 section 5.2.
	recordHeader = 5
	maxRecord    = 16<<10 + 2048
	// readAhead is how much crypto/tls may have of a connection that it has not handed out: what it has opened, what the released connection
	// has read ahead, and a part of a record.
	readAhead = 4 * maxRecord
	// maxSealed is how many bytes one record seals.
	maxSealed = 16 << 10
	// idleRecord is the length of the longest record for which crypto/tls keeps no more than any idle session takes.
	idleRecord = 2 << 10
	// idleHandshake is how long a handshake may be for the same: crypto/tls keeps the buffer, up to twice as long, in which its messages came.
	idleHandshake = 4 << 10
)

// ErrFruitless is what Handler.Hangup brings for a connection that sent too many TLS records without data, such as key updates.
var ErrFruitless = errors.New("too many TLS records without data")

// Secure begins TLS on the connection in slot n, whose peer is the client: what it sends from now on are records, and unread, which it has
// sent already. Handler.Secured says how the handshake ends; what is queued meanwhile waits for it. config may not change any more. peer is
// what the callbacks of config see as the client's address.
func (r *Reactor) Secure(n uint32, config *tls.Config, peer netip.AddrPort, unread []byte) {
	r.owner.assert()
	t := &tlsSession{reactor: r, token: r.Conn(n), handshake: newTLSHandshake(config, peer)}
	r.attach(n, t)
	if len(unread) > 0 {
		t.handshake.in = append(t.handshake.in, unread...)
		r.Post((*tlsGreeting)(t))
	}
}

func (r *Reactor) attach(n uint32, t *tlsSession) {
	r.secured.bySlot.Extend(n + 1)
	*r.secured.bySlot.At(n) = t
	r.conns.table.At(n).state |= secured
	if r.secured.opened == nil {
		r.secured.opened = make([]byte, len(r.sockets.buffer)+readAhead)
	}
	t.recount()
}

// unsecure forgets the session of a connection, and all its keys with it.
func (r *Reactor) unsecure(n uint32) *tlsSession {
	t := *r.secured.bySlot.At(n)
	*r.secured.bySlot.At(n) = nil
	r.conns.table.At(n).state &^= secured
	r.secured.held -= int(t.held)
	t.held = 0
	return t
}

// endSecured ends the session of a connection that is closed. A peer that has ended its side may wait for a close_notify in return.
func (r *Reactor) endSecured(n uint32, s *slot) {
	t := r.unsecure(n)
	switch {
	case t.handshake != nil:
		t.handshake.end(false)
	case t.flags&tlsEnded != 0 && len(t.rest) == 0:
		r.closeNotify(t)
		_, _ = r.sendRaw(n, s, r.secured.records)
		r.secured.records = r.secured.records[:0]
	}
}

// recount counts the memory that the session holds.
func (t *tlsSession) recount() {
	held := int32(cap(t.rest))
	if t.handshake != nil {
		held += t.handshake.memory()
	} else {
		held += int32(max(0, t.bounds.longest-idleRecord) + 2*max(0, t.bounds.shaken-idleHandshake))
	}
	t.reactor.secured.held += int(held - t.held)
	t.held = held
}

// TLS is the connection of crypto/tls in slot n, for its state alone; nil if the connection is none of TLS, or its handshake has not ended.
func (r *Reactor) TLS(n uint32) *tls.Conn {
	r.owner.assert()
	if !r.conns.table.At(n).is(secured) {
		return nil
	}
	if t := *r.secured.bySlot.At(n); t.handshake == nil && t.flags&tlsFailed == 0 {
		return t.conn
	}
	return nil
}

// IsSecuring says whether the connection in slot n has a TLS handshake ahead, so that nothing is sent yet, and whether the client has begun
// with it.
func (r *Reactor) IsSecuring(n uint32) (isAhead, isBegun bool) {
	r.owner.assert()
	if !r.conns.table.At(n).is(secured) {
		return false, false
	}
	t := *r.secured.bySlot.At(n)
	return t.handshake != nil, t.handshake != nil && t.handshake.begun
}

// InputOverhead is how many bytes more than it has the input took on the wire that Handler.Input brings right now.
func (r *Reactor) InputOverhead() int { return r.secured.overhead }

var _ net.Conn = (*tlsSession)(nil)

// Read gives crypto/tls what the connection has sent.
func (t *tlsSession) Read(p []byte) (int, error) {
	switch {
	case t.raw != nil:
		n, err := t.raw.Read(p)
		t.bounds.pass(p[:n])
		return n, err
	case t.handshake != nil:
		return t.handshake.read(t, p)
	}
	return t.readView(p)
}

// Write takes the records that crypto/tls has made.
func (t *tlsSession) Write(p []byte) (int, error) {
	switch {
	case t.raw != nil:
		return t.raw.Write(p)
	case t.handshake != nil:
		return t.handshake.write(t, p)
	}
	return t.reactor.secured.take(t, p)
}

// Close closes a released connection.
func (t *tlsSession) Close() error {
	if t.raw != nil {
		return t.raw.Close()
	}
	return nil
}

// LocalAddr is the address that the connection was accepted on.
func (t *tlsSession) LocalAddr() net.Addr {
	switch {
	case t.raw != nil:
		return t.raw.LocalAddr()
	case t.handshake != nil && t.handshake.local != nil:
		return t.handshake.local
	}
	return &net.TCPAddr{}
}

// RemoteAddr is the client's address.
func (t *tlsSession) RemoteAddr() net.Addr {
	switch {
	case t.raw != nil:
		return t.raw.RemoteAddr()
	case t.handshake != nil && t.handshake.peer.IsValid():
		return net.TCPAddrFromAddrPort(t.handshake.peer)
	}
	return &net.TCPAddr{}
}

// CloseWrite shuts the write side of a released connection.
func (t *tlsSession) CloseWrite() error {
	if half, ok := t.raw.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// SetDeadline and the other two set those of a released connection; the reactor needs none.
func (t *tlsSession) SetDeadline(at time.Time) error {
	if t.raw != nil {
		return t.raw.SetDeadline(at)
	}
	return nil
}

// SetReadDeadline is SetDeadline for reading.
func (t *tlsSession) SetReadDeadline(at time.Time) error {
	if t.raw != nil {
		return t.raw.SetReadDeadline(at)
	}
	return nil
}

// SetWriteDeadline is SetDeadline for writing.
func (t *tlsSession) SetWriteDeadline(at time.Time) error {
	if t.raw != nil {
		return t.raw.SetWriteDeadline(at)
	}
	return nil
}
