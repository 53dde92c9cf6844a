package fanout

import (
	"math/bits"
	"sync"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/subs"
	"github.com/spokehub/spokehub/wsframe"
)

// DispatchEvent sends an event to the connections that are subscribed to its type or its type and id, to each once and to
// no others. It returns true always: an event that is not valid is counted and logged at debug level, a connection that
// can't take it shows as a callback and in Stats. It copies the payload, takes a lock for each topic and each reactor, and
// does not wait for the network; where it brings events faster than the reactors take them, it sleeps up to 10 ms for each
// reactor and call (see Stats.Waiting). Events that one goroutine dispatches reach every spoke in that order. Listeners are
// not called for it.
func (h *Hub) DispatchEvent(e event.Event) bool { return h.dispatch(&outgoing{event: e}) }

// Relay is DispatchEvent to everybody but from: for a listener that passes an event on to the other subscribers.
func (h *Hub) Relay(from *Spoke, e event.Event) bool {
	return h.dispatch(&outgoing{event: e, except: from})
}

// DispatchEvent sends an event to this spoke alone, whatever it is subscribed to. It returns true always and waits no more
// than Hub.DispatchEvent: what becomes of the event shows in callbacks and Stats. It copies the payload.
func (s *Spoke) DispatchEvent(e event.Event) bool {
	return s.loop.hub.dispatch(&outgoing{event: e, only: s})
}

// dispatch validates an event of the embedder and publishes it.
func (h *Hub) dispatch(out *outgoing) bool {
	if err := out.event.Validate(); err != nil {
		h.counters.invalidEvents.Add(1)
		h.log.invalidEvent(err)
		return true
	}
	h.counters.dispatched.Add(1)
	return h.publish(out)
}

// outgoing is a valid event on its way out: event or, if it is not nil, view, which is borrowed.
type outgoing struct {
	event event.Event
	view  *event.View
	// except does not get the event; nil for nobody.
	except *Spoke
	// only is the one spoke that the event is for, nil for the subscribers.
	only *Spoke
	// on is the loop on whose goroutine the event was read, nil on any other goroutine.
	on *loop
}

// publish is the one function through which every event goes out: those that the embedder dispatches to all or to one,
// and those that are relayed. It finds the loops with receivers, frames the event once, and hands it to each of them. It
// reports false, and sends nothing, for a relayed event that is longer than a queue may be.
func (h *Hub) publish(out *outgoing) bool {
	match := h.match(out)
	if match.Parts == 0 {
		return true
	}
	m := newMessage()
	m.match, m.except, m.only = match, out.except, out.only
	m.encode(out, h.cfg.opcode)
	if out.on != nil && m.Len() > h.cfg.QueueLimit {
		m.Release()
		return false
	}
	m.Retain(bits.OnesCount64(match.Parts) - 1)
	for parts := match.Parts; parts != 0; parts &= parts - 1 {
		to := h.loops[bits.TrailingZeros64(parts)]
		if out.on != nil {
			out.on.forward(to, m)
		} else {
			to.post(m)
		}
	}
	if out.on == nil {
		h.throttle(match.Parts)
	}
	return true
}

func (h *Hub) match(out *outgoing) subs.Match {
	switch {
	case out.only != nil:
		return subs.Match{Parts: 1 << out.only.loop.index}
	case out.view != nil:
		return h.index.Match(out.view.Type, out.view.ID)
	default:
		return h.index.MatchString(out.event.Type, out.event.ID)
	}
}

// post hands the loop a message, along with the caller's reference. Any goroutine may call it.
func (l *loop) post(m *message) {
	size := int64(m.Len())
	l.shared.inflow.posted.Add(size)
	if !l.reactor.Post(m) {
		l.shared.inflow.posted.Add(-size)
		m.Release()
	}
}

// forward is post for an event that was read on this loop. The loop's own members get it at once if no task waits before it,
// another loop at the end of the turn.
func (l *loop) forward(to *loop, m *message) {
	switch {
	case to != l:
		to.shared.inflow.posted.Add(int64(m.Len()))
		l.work.outbound[to.index] = append(l.work.outbound[to.index], m)
		if to.behind() {
			l.pauseFor(to, m.except)
		}
	case l.reactor.Idle():
		l.deliver(m)
		m.Release()
	default:
		l.post(m)
	}
}

// forwardAll hands another loop what this turn has for it.
func (l *loop) forwardAll(to *loop) {
	out := l.work.outbound[to.index]
	if len(out) == 0 {
		return
	}
	if !to.reactor.PostAll(out) {
		for _, t := range out {
			m := t.(*message)
			to.shared.inflow.posted.Add(-int64(m.Len()))
			m.Release()
		}
	}
	clear(out)
	l.work.outbound[to.index] = out[:0]
}

// message is one frame on its way out, encoded once whatever the number of its receivers. It comes from a pool and goes
// back when the last reactor has dropped its reference. Whoever made it owns it until it is posted or sent; then it does
// not change.
//
// I1: between Reset and Recycle, buf is written by nobody.
type message struct {
	netpoll.Frame
	buf []byte
	// match, except and only are the receivers of an event; the spoke that another message is for is not noted in it.
	match  subs.Match
	except *Spoke
	only   *Spoke
}

// maxPooledMessage is how many bytes a message may hold to be used again.
const maxPooledMessage = 64 << 10

var messagePool = sync.Pool{New: func() any { return new(message) }}

func newMessage() *message { return messagePool.Get().(*message) }

// encode makes the message the frame of an event.
func (m *message) encode(out *outgoing, op wsframe.Opcode) {
	if out.view != nil {
		m.seal(out.view.Append(m.begin()), op, true)
		return
	}
	m.seal(event.Append(m.begin(), out.event), op, true)
}

// begin returns an empty buffer with room for a header in front.
func (m *message) begin() []byte {
	if cap(m.buf) < wsframe.MaxHeader {
		m.buf = make([]byte, wsframe.MaxHeader, 256)
	}
	return m.buf[:wsframe.MaxHeader]
}

// seal puts the header ahead of what was appended to the slice that begin returned, and makes it a frame. A counted one
// takes part in the ledger of Stats.
func (m *message) seal(buf []byte, op wsframe.Opcode, counted bool) {
	m.buf = buf
	size := len(buf) - wsframe.MaxHeader
	start := wsframe.MaxHeader - wsframe.HeaderLen(size)
	wsframe.AppendHeader(buf[start:start], op, size)
	m.Reset(buf[start:], counted, m)
}

// sealRaw makes buf, which was appended to the message's empty buffer, what is sent: a whole frame, or an HTTP response.
func (m *message) sealRaw(buf []byte) {
	m.buf = buf
	m.Reset(buf, false, m)
}

// Recycle puts the message back into its pool.
func (m *message) Recycle() {
	if cap(m.buf) > maxPooledMessage {
		m.buf = nil
	}
	m.match = subs.Match{}
	m.except = nil
	m.only = nil
	messagePool.Put(m)
}
