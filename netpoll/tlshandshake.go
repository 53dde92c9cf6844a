package netpoll

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync"
)

// tlsHandshake is a TLS handshake under way. crypto/tls can't leave off within one, so it takes a goroutine, which begins when the first
// record is there and ends with the handshake. It computes only while it is one of a few (shaking); while it waits for the client it costs
// its stack. How many wait is bounded by whoever opens connections, and how long by its deadlines.
//
// Owners: config, peer and local never change once the goroutine runs; begun, isRunning, held, answered and last belong to the reactor.
type tlsHandshake struct {
	config *tls.Config
	peer   netip.AddrPort
	local  net.Addr
	// begun: something has come.
	begun bool
	// isRunning: the goroutine has been started.
	isRunning bool
	// received is how many bytes have come, held the memory of in.
	received int
	held     int32
	// answered: something has been sent to the client.
	answered bool
	// last is how the client's side has ended, io.EOF or what failed, while the handshake may still find out why.
	last error
	handshakeInput
}

// handshakeInput is what the reactor brings to the goroutine of a handshake. mu guards all.
type handshakeInput struct {
	mu      sync.Mutex
	arrived sync.Cond
	// in is what has come and not been read.
	in []byte
	// ended: nothing more comes.
	ended bool
	// isFull: too much has come and not been read, so the connection is paused.
	isFull bool
}

const (
	// handshakeBytes is about how much memory a handshake under way takes: the stack of its goroutine, and what crypto/tls keeps.
	handshakeBytes = 32 << 10
	// maxHello is how much a client may send before it is answered: a hello of as much as one record has. Theirs have up to some kilobytes.
	maxHello = recordHeader + maxRecord
	// maxUnreadHandshake is about how much is read of a client that was answered ahead of its handshake: certificates, and its first data. The
	// rest waits in the kernel.
	maxUnreadHandshake = 128 << 10
)

// shaking are the handshakes that compute, over all reactors of the process: half of the processors, so that the others can go on.
var shaking = newHandshakeQueue(shakingAtOnce)

// shakingAtOnce is how many those are.
var shakingAtOnce = max(1, runtime.GOMAXPROCS(0)/2)

// OutsideHandshakes runs f, which may block, on the goroutine of a handshake: another one may compute meanwhile. The callbacks of a
// tls.Config need it.
func OutsideHandshakes(f func()) {
	shaking.leave()
	defer func() { <-shaking.goOn() }()
	f()
}

func newTLSHandshake(config *tls.Config, peer netip.AddrPort) *tlsHandshake {
	h := &tlsHandshake{config: config, peer: peer}
	h.arrived.L = &h.mu
	return h
}

// errHandshakeEnded stands for what a goroutine says that a callback of the configuration has ended.
var errHandshakeEnded = errors.New("tls: a callback of the configuration ended the goroutine of the handshake")

// errUnreadHandshake is for a client that sends on and on ahead of its answer.
var errUnreadHandshake = errors.New("tls: the client sends too much ahead of its handshake")

// inputHandshake takes what a connection has sent whose handshake has not ended.
func (r *Reactor) inputHandshake(n uint32, t *tlsSession, view []byte) {
	h := t.handshake
	token := r.Conn(n)
	h.mu.Lock()
	h.in = append(h.in, view...)
	isFull := h.isRunning && len(h.in) > maxUnreadHandshake
	h.isFull = h.isFull || isFull
	h.received += len(view)
	h.held = int32(cap(h.in))
	h.mu.Unlock()
	h.arrived.Signal()
	t.recount()
	if !h.begun {
		h.begun = true
		r.notifySecuring(n)
	}
	switch {
	case !r.Holds(token) || t.handshake == nil:
	case !h.isRunning:
		r.greet(n, t)
	case h.isTooMuch():
		r.notifyHangup(n, errUnreadHandshake)
	case isFull:
		r.Pause(n)
	}
}

// memory is about how much the handshake takes: little until its goroutine runs.
func (h *tlsHandshake) memory() int32 {
	if h.isRunning {
		return handshakeBytes + int32(2*h.received) + h.held
	}
	return h.held
}

// isTooMuch says whether a client has sent more than it may by now.
func (h *tlsHandshake) isTooMuch() bool { return h.received > maxHello && !h.answered }

// tlsGreeting looks at what came ahead of Secure.
type tlsGreeting tlsSession

// Do looks at the first record, if that has come.
func (g *tlsGreeting) Do(r *Reactor) {
	t := (*tlsSession)(g)
	if r.Holds(t.token) && t.handshake != nil && !t.handshake.isRunning {
		r.inputHandshake(t.token.Slot, t, nil)
	}
}

// greet begins the handshake when its first record is there, or finds that it is none.
func (r *Reactor) greet(n uint32, t *tlsSession) {
	h := t.handshake
	switch {
	case len(h.in) > 0 && h.in[0] != recordOfHandshake:
		r.unsecure(n)
		r.notifySecured(n, &NotTLSError{Sent: h.in})
		r.sendQueued(t.token)
	case h.isTooMuch():
		r.notifyHangup(n, errUnreadHandshake)
	case len(h.in) < recordHeader:
	case len(h.in) >= recordHeader+min(bodyOf(h.in), maxRecord):
		h.isRunning = true
		h.local = r.LocalAddr(n)
		h.in = shortRecords(h.in)
		t.conn = tls.Server(t, h.config)
		t.recount()
		go t.shake()
	}
}

// recordOfHandshake is the type of a record with which a TLS client begins.
const recordOfHandshake = 22

// NotTLSError is what Handler.Secured brings for a connection whose first byte begins no TLS. Nothing was sent on it, and what is sent from
// now on goes out as it is.
type NotTLSError struct {
	// Sent is what has come, in place of TLS. It belongs to whoever gets the error.
	Sent []byte
}

// Error says so.
func (e *NotTLSError) Error() string { return "the client does not speak TLS" }

// shortRecords returns what a client has begun its handshake with, where the first record, which is not encrypted, is cut into short ones, as
// the client could have done itself (RFC 8446, section 5.1): crypto/tls keeps a buffer as long as the longest record for as long as the
// connection lives, and another for the whole message, which doubles as it grows. Quarters of about the same length have it end with
// little room to spare.
func shortRecords(in []byte) []byte {
	size := bodyOf(in)
	if size <= shortRecord || size > maxSealed {
		return in
	}
	out := make([]byte, 0, len(in)+recordHeader*(size/shortRecord+4))
	length := min(shortRecord, (size+4*64-1)/(4*64)*64)
	for body := in[recordHeader : recordHeader+size]; len(body) > 0; {
		n := min(len(body), length)
		out = append(out, in[0], in[1], in[2], byte(n>>8), byte(n))
		out = append(out, body[:n]...)
		body = body[n:]
	}
	return append(out, in[recordHeader+size:]...)
}

// shortRecord is how much shortRecords leaves in one record.
const shortRecord = 512

// shake drives the handshake to its end.
func (t *tlsSession) shake() {
	end := &tlsHandshakeEnd{session: t, err: errHandshakeEnded}
	defer t.reactor.Post(end)
	<-shaking.begin(t.handshake.peer.Addr())
	defer func() {
		shaking.leave()
		if v := recover(); v != nil {
			end.err = fmt.Errorf("tls: a callback of the configuration panicked: %v\n%s", v, debug.Stack())
		}
	}()
	growStack()
	end.err = t.conn.Handshake()
}

// growStack has the stack of a goroutine grow at once, while it is empty, to what a handshake takes: step by step, each time with all that
// is on it, that costs some 2 % of a handshake.
//
//go:noinline
func growStack() {
	var stack [12 << 10]byte
	runtime.KeepAlive(&stack)
}

// read waits for what the client sends.
func (h *tlsHandshake) read(t *tlsSession, p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.in) == 0 && !h.ended {
		h.await()
	}
	if len(h.in) == 0 {
		return 0, io.EOF
	}
	n := t.bounds.take(h.in, len(p))
	copy(p, h.in[:n])
	h.in = h.in[n:]
	if h.isFull && len(h.in) == 0 {
		h.isFull = false
		t.reactor.Post((*tlsHandshakeRoom)(t))
	}
	return n, nil
}

// tlsHandshakeRoom says that a handshake has read all that has come.
type tlsHandshakeRoom tlsSession

// Do has the connection read again. One that is at its end stays paused.
func (x *tlsHandshakeRoom) Do(r *Reactor) {
	t := (*tlsSession)(x)
	if r.Holds(t.token) && t.handshake != nil && t.handshake.last == nil {
		r.Resume(t.token.Slot)
	}
}

// await lets another handshake compute until there is something to read. The caller holds mu.
func (h *tlsHandshake) await() {
	shaking.leave()
	for len(h.in) == 0 && !h.ended {
		h.arrived.Wait()
	}
	h.mu.Unlock()
	<-shaking.goOn()
	h.mu.Lock()
}

// write has the reactor send what the handshake says.
func (h *tlsHandshake) write(t *tlsSession, p []byte) (int, error) {
	if !t.reactor.Post(&tlsHandshakeBytes{session: t, bytes: append([]byte(nil), p...)}) {
		return 0, net.ErrClosed
	}
	return len(p), nil
}

// end lets the goroutine come to its end, with what is left or without.
func (h *tlsHandshake) end(withRest bool) {
	h.mu.Lock()
	h.ended = true
	if !withRest {
		h.in = nil
	}
	h.mu.Unlock()
	h.arrived.Signal()
}

// hangup passes on that the client's side has ended, behind a handshake under way: that may still say why, for a client that turns a
// certificate down sends an alert and leaves.
func (r *Reactor) hangup(n uint32, err error) {
	if s := r.conns.table.At(n); s.is(secured) {
		if h := (*r.secured.bySlot.At(n)).handshake; h != nil && h.isRunning {
			h.last = err
			h.end(true)
			r.Pause(n)
			return
		}
	}
	r.notifyHangup(n, err)
}

// tlsHandshakeBytes are on their way from a handshake to its client.
type tlsHandshakeBytes struct {
	session *tlsSession
	bytes   []byte
}

// Do sends them.
func (b *tlsHandshakeBytes) Do(r *Reactor) {
	if t := b.session; r.Holds(t.token) {
		if t.handshake != nil {
			t.handshake.answered = true
		}
		r.sendRecords(t.token.Slot, t, b.bytes)
	}
}

// tlsHandshakeEnd is the end of a handshake.
type tlsHandshakeEnd struct {
	session *tlsSession
	err     error
}

// Do tells the handler, and goes on with what the client has sent behind its handshake, and with what waits to be sent.
func (e *tlsHandshakeEnd) Do(r *Reactor) {
	t := e.session
	if !r.Holds(t.token) {
		return
	}
	token, early, last := t.token, t.handshake.in, t.handshake.last
	n := token.Slot
	if t.handshake.isFull && last == nil {
		r.Resume(n)
	}
	t.bounds.shaken = t.handshake.received - len(early)
	t.handshake = nil
	t.flags |= tlsDrain
	if e.err != nil {
		t.flags |= tlsFailed
	}
	t.recount()
	r.notifySecured(n, e.err)
	if e.err == nil && r.Holds(token) {
		r.inputRecords(n, t, early)
	}
	r.sendQueued(token)
	if last != nil && r.Holds(token) {
		r.notifyHangup(n, last)
	}
}

// sendQueued goes on with what was queued on a connection while its handshake was under way.
func (r *Reactor) sendQueued(c Conn) {
	if r.Holds(c) && r.conns.table.At(c.Slot).is(awaitsRoom) {
		r.watch(c.Slot, r.conns.table.At(c.Slot))
		r.roomAgain(c.Slot)
	}
}
