package fanout

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

// Spoke is one WebSocket client: its event target. Its methods may be called from any goroutine, also after the
// connection has ended, when they do nothing.
//
// Owners: id, lane, conn and peer never change once the spoke is announced; phase, parser, box, filling, told and left
// belong to the reactor; work is how reactor and workers pass the box on (see inbox.go); extra is for any goroutine.
type Spoke struct {
	lane    *lane
	conn    netpoll.Conn
	id      uint64
	parser  wsframe.Parser
	box     *inbox
	filling *inbox
	extra   atomic.Pointer[extra]
	work    atomic.Uint32
	peer    peerAddress
	phase   phase
	marks   marks
}

// phase is where a connection stands. It only grows, and the first cause of an end wins. However a connection ends, it
// goes through these functions of closing.go:
//
//	remove    its subscriptions end, what it sends is discarded, OnDisconnection is noted: open -> closing
//	sayClose  the close frame is queued behind what is to be sent
//	linger    all is with the kernel: the write side is shut, the peer's end is awaited: closing -> lingering
//	end       the socket is closed: -> gone
type phase uint8

const (
	handshaking phase = iota
	open
	closing
	lingering
	gone
)

type marks uint8

const (
	greeting marks = 1 << iota
	ready
	held
	lagging
	countedIn
	shaking
	owesClose
	peerEnded
)

// extra is what only some spokes have.
type extra struct {
	mu          sync.Mutex
	value       any
	listeners   atomic.Pointer[registry]
	subprotocol string
	key         any
	under       net.Conn
	remote      net.Addr
	released    net.Conn
	rates       rates
}

// peerAddress is a source address without pointers.
type peerAddress struct {
	ip   [16]byte
	port uint16
}

func addressOf(a netip.AddrPort) peerAddress {
	if !a.IsValid() {
		return peerAddress{}
	}
	return peerAddress{ip: a.Addr().As16(), port: a.Port()}
}

func (p peerAddress) known() bool { return p != peerAddress{} }

func (p peerAddress) addrPort() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(p.ip).Unmap(), p.port)
}

func (s *Spoke) more() *extra {
	if x := s.extra.Load(); x != nil {
		return x
	}
	s.extra.CompareAndSwap(nil, new(extra))
	return s.extra.Load()
}

// ID is unique among the spokes of a hub, ever.
func (s *Spoke) ID() uint64 { return s.id }

// RemoteAddr is the peer's address, also after the end.
func (s *Spoke) RemoteAddr() net.Addr {
	if s.peer.known() {
		return net.TCPAddrFromAddrPort(s.peer.addrPort())
	}
	if x := s.extra.Load(); x != nil && x.remote != nil {
		return x.remote
	}
	return &net.TCPAddr{}
}

// Conn is the raw connection, the one that callbacks get. It tells addresses; reading and writing it fails with an error
// until RemoveConnection has given it back, and Close closes the spoke.
func (s *Spoke) Conn() net.Conn { return (*rawConn)(s) }

// Subprotocol is the one agreed on in a handshake that the hub answered, or "".
func (s *Spoke) Subprotocol() string {
	if x := s.extra.Load(); x != nil {
		return x.subprotocol
	}
	return ""
}

// DispatchEvent sends an event to this spoke alone, whatever it is subscribed to. It returns true always and waits no more
// than Hub.DispatchEvent: what becomes of the event shows in callbacks and Stats. It copies the payload.
func (s *Spoke) DispatchEvent(e event.Event) bool {
	h := s.lane.hub
	if err := e.Validate(); err != nil {
		h.invalidEvent(err)
		return true
	}
	h.dispatched.Add(1)
	m := newMessage(h)
	m.only = s
	m.encode(e)
	s.lane.post(m)
	h.brake(1 << s.lane.index)
	return true
}

// BufferedAmount is the number of bytes queued for the spoke that the kernel has not taken. The kernel in turn holds at
// most about Config.UnsentLimit that it has not sent. It asks the reactor and waits for the answer, usually tens of
// microseconds; after the end it is 0.
func (s *Spoke) BufferedAmount() int {
	amount := 0
	s.lane.ask(func(r *netpoll.Reactor) {
		if r.Holds(s.conn) {
			amount = r.Sender().Buffered(s.conn.Slot)
		}
	})
	return amount
}

// Subscriptions are the topics that the spoke is subscribed to, in no order. It asks the reactor like BufferedAmount.
func (s *Spoke) Subscriptions() []string {
	var topics []string
	s.lane.ask(func(r *netpoll.Reactor) {
		if r.Holds(s.conn) && s.phase == open {
			topics = s.lane.part.AppendTopics(nil, s.conn.Slot)
		}
	})
	return topics
}

// Value is what SetValue stored last, or nil.
func (s *Spoke) Value() any {
	x := s.extra.Load()
	if x == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.value
}

// SetValue keeps a value of the embedder's with the spoke.
func (s *Spoke) SetValue(value any) {
	x := s.more()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.value = value
}

// Close ends the connection: what is queued is sent, then a close frame with code and reason (cut to 123 bytes), then
// the socket is closed once the peer has answered or Config.CloseTimeout has passed. A code that RFC 6455 does not let a
// server send becomes 1011. It does not wait; OnDisconnection tells when the spoke is removed.
func (s *Spoke) Close(code uint16, reason string) {
	if !wsframe.CodeAllowed(code) {
		code = CodeInternal
	}
	s.lane.reactor.Post(netpoll.TaskFunc(func(r *netpoll.Reactor) {
		if r.Holds(s.conn) {
			s.lane.closeWith(s, Cause{Kind: CauseClosed, Code: code, Reason: reason})
		}
	}))
}

// Close codes. The hub sends those below 4000 by itself; it refuses handshakes with an HTTP status, so the others are for an
// embedder who closes a spoke after the upgrade because a browser would hide the status.
const (
	CodeNormal       = 1000
	CodeGoingAway    = 1001
	CodePolicy       = 1008
	CodeInternal     = 1011
	CodeRestart      = 1012
	CodeTryLater     = 1013
	CodeUnauthorized = 4401
	CodeForbidden    = 4403
	CodeTooMany      = 4429
)
