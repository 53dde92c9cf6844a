package fanout

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

// AddOptions say what is known of a connection that is added. The zero value is one of a client that is anonymous and may do all,
// of which nothing has been read.
type AddOptions struct {
	// Identity is who the client is and what it may do. OnConnection and every later callback see it.
	Identity Identity
	// AuthLater lets the client in without an identity, to give itself one by __auth, as ErrAuthLater does. Identity must be zero then.
	AuthLater bool
	// Unread are bytes that the client sent behind its handshake and that have been read from the connection already: its first
	// frames. They come before what the hub reads. The hub copies them.
	Unread []byte
	// Subprotocol is the one agreed on in the handshake.
	Subprotocol string
}

// AddConnection takes over an established WebSocket connection: the upgrade is done, by whatever framework. There may be one
// AddOptions, which make the connection's identity known before anything is called for it. The hub reads
// from it at once and calls OnConnection before anything it sends is handled. A connection with a descriptor of its own
// (*net.TCPConn, *net.UnixConn) is taken out of conn, which is closed. One of TLS that stands on such a connection (*tls.Conn, or what
// embeds it) is watched on Linux, and takes a goroutine only while there is something to read or to write; any other net.Conn is served by two
// goroutines, idle or not. It waits for the reactor, not for the network. On error conn is closed, except for ErrOwned, when it still belongs to
// a spoke. Besides that the error is ErrClosed, ErrTooMany, ErrInvalidIdentity, ErrIdentityExpired, or one of the system.
//
// The handshake is the caller's: Config.OnHandshake, Origins, Hosts, Subprotocols and MaxHandshake do not apply. Where cookies say who
// a client is, compare the Origin with the Host, or any page in the client's browser can connect in its name.
//
// A connection out of http.Hijacker comes with a reader that may have read ahead, and what that holds is not in conn. Pass it on:
//
//	conn, buffered, err := http.NewResponseController(w).Hijack()
//	unread, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
//	spoke, err := hub.AddConnection(conn, fanout.AddOptions{Unread: unread})
func (h *Hub) AddConnection(conn net.Conn, options ...AddOptions) (*Spoke, error) {
	if raw, ok := conn.(*rawConn); ok && raw.NetConn() == nil || netpoll.IsReattached(conn) {
		return nil, fmt.Errorf("add connection: %w", ErrOwned)
	}
	began := netpoll.Moment()
	peer := peerOf(conn)
	conn = h.unwrap(conn)
	e, err := entryOf(options)
	e.began = began
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("add connection: %w", err)
	}
	s, refusal := h.admitAdded(peer, h.trusts(peer, conn))
	if refusal != nil {
		h.log.refused(peer, nil, refusal)
		conn.Close()
		if refusal == refuseDown {
			return nil, ErrClosed
		}
		return nil, ErrTooMany
	}
	if err := h.add(s, conn, e); err != nil {
		return nil, err
	}
	return s, nil
}

// entry is what is known of a connection whose handshake is done elsewhere.
type entry struct {
	verdict     verdict
	subprotocol string
	// rest has been read already.
	rest []byte
	// answered says that the hub has answered the handshake itself: the client hears why, if it can't stay.
	answered bool
	// began is when AddConnection was called, 0 if it was not.
	began time.Duration
}

var errOptions = errors.New("more than one AddOptions")

func entryOf(options []AddOptions) (entry, error) {
	switch len(options) {
	case 0:
		return entry{}, nil
	case 1:
		o := &options[0]
		if o.AuthLater && !o.Identity.isZero() {
			return entry{}, fmt.Errorf("%w: AddOptions has one, and AuthLater", ErrInvalidIdentity)
		}
		v := verdict{identity: o.Identity, later: o.AuthLater}
		return entry{verdict: v, subprotocol: o.Subprotocol, rest: bytes.Clone(o.Unread)}, o.Identity.check()
	}
	return entry{}, errOptions
}

// unwrap returns the connection beneath an httpConn of this hub, which is no longer counted; any other connection as it is.
func (h *Hub) unwrap(conn net.Conn) net.Conn {
	c, ok := conn.(*httpConn)
	if !ok || c.admission != &h.admission {
		return conn
	}
	c.uncount()
	return c.Conn
}

// admitAdded makes a spoke for a connection whose handshake is done and counts it in. A proxy's connection, of which nobody knows
// whose it is, counts for no address.
func (h *Hub) admitAdded(peer peerAddress, isProxy bool) (*Spoke, *wsframe.Refusal) {
	s := &Spoke{id: h.nextID(), peer: peer, marks: countedIn | handshakeCounted}
	if isProxy {
		s.marks |= byProxy
	}
	if refusal := h.admit(s.countsFor()); refusal != nil && (refusal != refuseFull || !h.admitInstead(s.countsFor())) {
		return nil, refusal
	}
	s.loop = h.leastLoaded()
	s.loop.shared.connections.Add(1)
	h.counters.accepted.Add(1)
	return s, nil
}

// add takes over the connection of an admitted spoke.
func (h *Hub) add(s *Spoke, conn net.Conn, e entry) error {
	if !e.verdict.later {
		h.admission.handshakeDone(s)
	}
	if e.subprotocol != "" {
		s.ensureExtra().subprotocol = e.subprotocol
	}
	x := s.ensureSeldom()
	added := conn
	if raw, ok := conn.(*rawConn); ok {
		conn = raw.NetConn()
	}
	conn = netpoll.Settled(conn)
	session, beneath, isTLS := netpoll.DetachTLS(conn)
	if isTLS {
		conn = beneath
	}
	arrived := netpoll.Accepted{FD: -1, Conn: conn}
	if h.cfg.Engine.HasDescriptors() {
		fd, taken, err := netpoll.Adopt(conn)
		if err != nil {
			conn.Close()
			s.loop.uncount(s)
			return fmt.Errorf("add connection: %w", err)
		}
		if taken {
			netpoll.Tune(fd, h.cfg.sockets())
			arrived = netpoll.Accepted{FD: fd}
		}
	}
	x.beneath = arrived.Conn
	if !s.peer.known() {
		x.remote = conn.RemoteAddr()
	}
	if e.verdict.refusal == nil {
		h.connections.add(s, x, added)
	}
	failed := ErrClosed
	s.loop.ask(func(*netpoll.Reactor) { failed = s.loop.join(s, arrived, session, &e) })
	if failed != nil {
		arrived.Close()
		h.connections.remove(s)
		s.loop.uncount(s)
		return fmt.Errorf("add connection: %w", failed)
	}
	return nil
}

// join opens a connection whose handshake is done, or closes it with the code that it is refused with, or since the hub has begun to
// end meanwhile.
func (l *loop) join(s *Spoke, a netpoll.Accepted, session *netpoll.TLSSession, e *entry) error {
	if !l.hub.lifecycle.serving() {
		if !e.answered || l.ending.cut {
			return ErrClosed
		}
		e.verdict = verdict{refusal: &Refusal{Code: CodeRestart, Reason: retryReason(retryAfter + l.hub.cfg.DrainPeriod)}}
	}
	slot, err := l.register(a)
	if err != nil {
		return err
	}
	l.put(s, slot)
	if session != nil {
		l.reactor.Reattach(slot, session)
	}
	if e.began != 0 {
		l.counts.handshakeTook(netpoll.Moment() - e.began)
	}
	l.enter(s, &e.verdict, e.rest)
	return nil
}
