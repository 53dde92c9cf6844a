package fanout

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

// Spoke is one WebSocket client: its event target. Its methods may be called from any goroutine, also after the
// connection has ended: then those that tell of it still answer, and those that act on the connection do nothing.
type Spoke struct {
	// loop, conn and id, like peer, never change once the spoke is announced. Behind a proxy peer is the client, once that is told.
	loop *loop
	conn netpoll.Conn
	id   uint64
	// parser, like pendingInbox, phase and marks, belongs to the loop's goroutine.
	parser wsframe.Parser
	// pendingInbox is the one to which the loop appends, nil if nothing is pending.
	pendingInbox *inbox
	// runningInbox is the one whose items are being run, nil if there is none. state says who owns it.
	runningInbox *inbox
	// extra, like state, is for any goroutine. It is made when it is first needed.
	extra atomic.Pointer[extra]
	state inboxState
	upkeep
	peer peerAddress
	stage
	marks marks
}

// stage is where a spoke stands, and when it came: neither takes room that a Spoke would not take anyway. It belongs to the loop's goroutine.
type stage struct {
	phase phase
	came  moment
}

// upkeep is what the loop remembers of a spoke that is open. It belongs to the loop's goroutine.
type upkeep struct {
	// pinged is the tick at which the first ping was queued that is not answered, or the last that is; 0: none. In the handshake it is what
	// beginHandshake notes.
	pinged uint32
	// charged is how much memory of its unfinished message loopMemory counts.
	charged uint32
	// kept is how much memory flowState keeps of what it has sent.
	kept uint32
}

// phase is where a connection stands. It only grows, so the first cause of an end wins.
//
//	from         to           by                what the peer sees
//	(new)        handshaking  arrive            nothing
//	(new)        open         join              nothing: the handshake was done elsewhere
//	(new)        closing      join              a close frame: the handshake was done elsewhere
//	handshaking  open         upgrade, decided  101
//	handshaking  closing      refuseRequest     an HTTP error
//	handshaking  closing      decided           101, then a close frame
//	open         closing      closeWith         what is queued and not gated, then a close frame
//	open         closing      peerClosed        what is queued, then its own close code
//	open         closing      closeSlow         the rest of a half-sent frame, then 1013
//	closing      lingering    linger            the end of the stream
//	handshaking  ended        toHTTP            an answer from net/http
//	open         ended        RemoveConnection  what is queued, then what the new owner sends
//	any          ended        end               a closed connection
//
// openSpoke makes the steps to open, startClosing those from handshaking or open to closing, freeSlot those to ended, after
// startClosing.
type phase uint8

const (
	// handshaking: its request is not complete, or not answered.
	handshaking phase = iota
	// open: it is a spoke; it is read, and events are sent to it.
	open
	// closing: it is no spoke any more. What is queued and a last frame are still sent.
	closing
	// lingering: all is with the kernel and the write side is shut; the peer's end is awaited.
	lingering
	// ended: it has no slot any more.
	ended
)

// marks are what else the loop knows of a spoke, a bit each.
type marks uint16

const (
	// connecting: OnConnection has not returned, or an __auth has not been carried out, or what came before has not been replayed.
	connecting marks = 1 << iota
	// ready: the spoke is in its loop's list for handOver.
	ready
	// inboxFull: it is not read because its inbox is full.
	inboxFull
	// targetBehind: it is not read because a loop that it relays to is behind, or a receiver on it.
	targetBehind
	// countedIn: it counts against the limits on connections.
	countedIn
	// handshakeCounted: it counts against the limit on unfinished handshakes.
	handshakeCounted
	// owesClose: its close frame waits for OnBackpressure to return.
	owesClose
	// peerEnded: the peer has shut its side down.
	peerEnded
	// refused: its handshake was answered with an error, or with 101 and a close frame.
	refused
	// leavesIndex: it has left the hub, and the subscription index still has topics of it (leavers).
	leavesIndex
	// awaited: closings has it.
	awaited
	// answersBlocked: it is not read because it does not read the answers to what it sends.
	answersBlocked
	// unidentified: it has yet to identify itself by __auth, and is connecting until then.
	unidentified
	// proxyHeader: a header of the PROXY protocol has to come first.
	proxyHeader
	// byProxy: its peer is a proxy that has yet to tell whose connection it is; it counts for no address until then.
	byProxy
	// filled: its queue has passed half of its limit, and the loop has yet to look into that (slowLook).
	filled

	// notRead are the reasons for not reading a spoke.
	notRead = hubNotReading | answersBlocked
	// hubNotReading are those of them that are the hub's own: such a spoke can't be heard.
	hubNotReading = inboxFull | targetBehind
)

// extra is what only some spokes have, in one cache line: 64 bytes.
//
// Owners: subprotocol never changes once the spoke is announced; identity is for any goroutine, and expires belongs to the loop's;
// valueState has its own lock.
type extra struct {
	identity atomic.Pointer[Identity]
	// expires is when the identity does, as time since epoch; 0: never.
	expires     time.Duration
	subprotocol string
	valueState
	// seldom is made when it is first needed.
	seldom atomic.Pointer[seldom]
}

// identified is the extra of a spoke whose identity came with its handshake, with that beside it: one object, and neighbours in memory.
type identified struct {
	extra
	first Identity
}

// valueState is what the embedder stores with a spoke. mu guards it.
type valueState struct {
	mu    sync.Mutex
	value any
}

// seldom is what few spokes have.
//
// Owners: connInfo never changes once the spoke is announced; removedConn has its own lock, and so have listeners when they change;
// told belongs to the loop's goroutine.
type seldom struct {
	connInfo
	removedConn
	listeners listenerSet
	// told is how often the spoke was told lately that an event of it was dropped.
	told allowance
}

// connInfo is what is known of the connection besides its address.
type connInfo struct {
	// key is under which connRegistry has it, nil if that does not.
	key any
	// beneath is the connection that was added or accepted, if it has no descriptor of its own.
	beneath net.Conn
	// remote is the peer's address where Spoke.peer can't say it.
	remote net.Addr
}

// removedConn is the live connection after RemoveConnection. mu guards it.
type removedConn struct {
	mu   sync.Mutex
	live net.Conn
}

// ensureExtra returns the spoke's extra and makes it if there is none.
func (s *Spoke) ensureExtra() *extra {
	if x := s.extra.Load(); x != nil {
		return x
	}
	s.extra.CompareAndSwap(nil, new(extra))
	return s.extra.Load()
}

// seldom returns what few spokes have, nil if this one does not.
func (s *Spoke) seldom() *seldom {
	if x := s.extra.Load(); x != nil {
		return x.seldom.Load()
	}
	return nil
}

// ensureSeldom returns the spoke's seldom and makes it if there is none.
func (s *Spoke) ensureSeldom() *seldom {
	x := s.ensureExtra()
	if y := x.seldom.Load(); y != nil {
		return y
	}
	x.seldom.CompareAndSwap(nil, new(seldom))
	return x.seldom.Load()
}

// ID is unique among the spokes of a hub, ever.
func (s *Spoke) ID() uint64 { return s.id }

// RemoteAddr is the peer's address, also after the end.
func (s *Spoke) RemoteAddr() net.Addr {
	if s.peer.known() {
		return net.TCPAddrFromAddrPort(s.peer.addrPort())
	}
	if x := s.seldom(); x != nil && x.remote != nil {
		return x.remote
	}
	return &net.TCPAddr{}
}

// Subprotocol is the one agreed on in a handshake that the hub answered, or "".
func (s *Spoke) Subprotocol() string {
	if x := s.extra.Load(); x != nil {
		return x.subprotocol
	}
	return ""
}

// BufferedAmount is the number of bytes queued for the spoke that the kernel has not taken. The kernel in turn holds at
// most about Config.UnsentLimit that it has not sent. It asks the reactor and waits for the answer, usually tens of
// microseconds; after the end it is 0.
func (s *Spoke) BufferedAmount() int {
	amount := 0
	s.loop.ask(func(r *netpoll.Reactor) {
		if r.Holds(s.conn) {
			amount = r.Sender().Buffered(s.conn.Slot)
		}
	})
	return amount
}

// Subscriptions are the topics that the spoke is subscribed to, in no order. It asks the reactor like BufferedAmount.
func (s *Spoke) Subscriptions() []string {
	var topics []string
	s.loop.ask(func(r *netpoll.Reactor) {
		if r.Holds(s.conn) && s.phase == open {
			topics = s.loop.part.AppendTopics(nil, s.conn.Slot)
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

// SetValue stores a value of the embedder's with the spoke.
func (s *Spoke) SetValue(value any) {
	x := s.ensureExtra()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.value = value
}
