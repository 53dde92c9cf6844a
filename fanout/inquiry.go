package fanout

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

// inquiry is a handshake over which Config.OnHandshake decides. From inquire on it stands in the loop's inquiries until the loop has
// the verdict or ends the connection; then ctx ends, and a verdict that comes later is dropped.
//
// Owners: verdict belongs to the worker until it posts the inquiry to the loop; place belongs to inquiryQueue; all else never
// changes once the inquiry is with the workers.
type inquiry struct {
	spoke *Spoke
	// head is the request, response the 101 that answers it.
	head        []byte
	response    []byte
	subprotocol string
	// host is the authority that the client asked for, isSecure says that it came over TLS, also behind a trusted proxy.
	host     string
	isSecure bool
	local    net.Addr
	// tls is nil where the hub does not speak it.
	tls     *tls.ConnectionState
	ctx     context.Context
	cancel  context.CancelFunc
	verdict verdict
	place   place
}

const (
	// maxBehind is how many bytes a client may send behind its request before it is not read until the verdict.
	maxBehind = 16 << 10
	// inquiryBytes is about how much memory an inquiry takes besides its head and the request that is made of it.
	inquiryBytes = 2 << 10
)

// heldBytes is the memory of an inquiry, which may be nil.
func (q *inquiry) heldBytes() int {
	if q == nil {
		return 0
	}
	return inquiryBytes + 3*len(q.head)
}

// inquiries are a loop's, by slot. They belong to the loop's goroutine.
//
// I1: held is the memory that they take, without what came behind the requests: that is with requests.
type inquiries struct {
	bySlot map[uint32]*inquiry
	held   int
}

func (i *inquiries) add(slot uint32, q *inquiry) {
	i.bySlot[slot] = q
	i.held += q.heldBytes()
}

// inquire has the workers ask Config.OnHandshake about a client, which stays in its handshake until then. rest is what it has sent
// behind its request. ctx ends a little before the time for the handshake does, so that a hook which heeds it can still say why.
func (l *loop) inquire(s *Spoke, q *inquiry, rest []byte) {
	slot := s.conn.Slot
	q.spoke, q.local = s, l.reactor.LocalAddr(slot)
	if secure := l.reactor.TLS(slot); secure != nil {
		state := secure.ConnectionState()
		q.tls = &state
	}
	left := max(l.reactor.TimeLeft(slot), netpoll.Tick)
	q.ctx, q.cancel = context.WithTimeout(context.Background(), max(left-netpoll.Tick, left/2))
	l.conns.inquiries.add(slot, q)
	if len(rest) > 0 {
		l.keepBehind(s, rest)
	}
	l.hub.workers.inquire(q)
}

// keepBehind keeps what a client sends behind its request, and reads on only while that is little.
func (l *loop) keepBehind(s *Spoke, view []byte) {
	slot := s.conn.Slot
	if !l.conns.requests.storeFirst(slot, view) {
		l.conns.requests.with(slot, view)
	}
	if l.conns.requests.heldBy(slot) >= maxBehind {
		l.reactor.Pause(slot)
	}
}

// dropInquiry ends the inquiry about a connection, if there is one. No worker begins with it any more.
func (l *loop) dropInquiry(s *Spoke) {
	slot := s.conn.Slot
	q := l.conns.inquiries.bySlot[slot]
	if q == nil {
		return
	}
	delete(l.conns.inquiries.bySlot, slot)
	l.conns.inquiries.held -= q.heldBytes()
	q.end()
	l.hub.workers.forget(q)
}

// end ends ctx, unless its time has come: then it ends by itself, and says so.
func (q *inquiry) end() {
	if at, _ := q.ctx.Deadline(); time.Until(at) > 0 {
		q.cancel()
	}
}

func (q *inquiry) standing() *place { return &q.place }

func (q *inquiry) isUrgent() bool { return false }

// ask asks Config.OnHandshake and tells the loop what it says, also if the hook ends its goroutine. For a worker.
func (q *inquiry) ask(h *Hub) {
	q.verdict.refusal = refuseFailed
	defer q.spoke.loop.reactor.Post(q)
	request, err := q.request()
	if err != nil {
		q.verdict.refusal = &Refusal{Status: http.StatusBadRequest, Reason: "malformed request"}
		return
	}
	q.verdict = h.decide(q.ctx, h.newHandshake(request, q.spoke.RemoteAddr(), q.local))
}

// parsed is the request as the log describes it.
func (q *inquiry) parsed() *wsframe.Request {
	r, _ := wsframe.ParseRequest(q.head)
	r.Host = []byte(q.host)
	return &r
}

// headReaders are buffers for request. What it makes has no body, which might read on from one.
var headReaders = sync.Pool{New: func() any { return bufio.NewReader(nil) }}

// request makes of the head what net/http makes of it.
func (q *inquiry) request() (*http.Request, error) {
	head := headReaders.Get().(*bufio.Reader)
	head.Reset(bytes.NewReader(q.head))
	r, err := http.ReadRequest(head)
	if err == nil {
		r.Body = http.NoBody
	}
	head.Reset(nil)
	headReaders.Put(head)
	if err != nil {
		return nil, err
	}
	r.Host = q.host
	if q.isSecure {
		r.URL.Scheme = "https"
	}
	r.RemoteAddr = q.spoke.RemoteAddr().String()
	r.TLS = q.tls
	if x := q.spoke.seldom(); x != nil && r.TLS == nil {
		if secure, ok := x.beneath.(tlsConn); ok {
			state := secure.ConnectionState()
			r.TLS = &state
		}
	}
	return r.WithContext(q.ctx), nil
}

var _ tlsConn = (*tls.Conn)(nil)

// Do brings the verdict to the loop. If the connection has ended meanwhile, or timed out, it is dropped.
func (q *inquiry) Do(*netpoll.Reactor) {
	l := q.spoke.loop
	if l.conns.inquiries.bySlot[q.spoke.conn.Slot] == q {
		l.decided(q)
	}
}

// decided does with a client what OnHandshake has said.
func (l *loop) decided(q *inquiry) {
	s := q.spoke
	if refusal := q.verdict.refusal; refusal != nil && refusal.Code == 0 {
		l.refuseRequest(s, q.parsed(), refusal.answer())
		return
	} else if refusal != nil {
		l.hub.log.refused(s.peer, q.parsed(), refusal.closed())
	}
	l.dropInquiry(s)
	rest := l.conns.requests.take(s.conn.Slot)
	defer recycleRequest(rest)
	f := newFrame()
	f.sealRaw(append(f.buf[:0], q.response...))
	defer f.Release()
	l.switchProtocols(s, f, q.subprotocol)
	l.reactor.Resume(s.conn.Slot)
	l.enter(s, &q.verdict, rest)
}

// enter makes a spoke of a connection whose handshake is done, as the verdict says. rest is what the client sent behind the
// handshake.
func (l *loop) enter(s *Spoke, v *verdict, rest []byte) {
	switch {
	case v.refusal != nil:
		l.refuseWithCode(s, v.refusal)
	case v.later:
		l.openUnidentified(s, rest)
	default:
		s.setIdentity(v.identity)
		l.openSpoke(s, rest)
	}
}
