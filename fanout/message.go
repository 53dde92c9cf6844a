package fanout

import (
	"sync"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/subs"
	"github.com/spokehub/spokehub/wsframe"
)

// message is one frame on its way out, encoded and framed once whatever the number of its receivers. It comes from a
// pool and goes back when the last reactor has let go of it.
//
// I1: between Reset and Recycle, buf is written by nobody.
type message struct {
	netpoll.Frame
	hub    *Hub
	buf    []byte
	match  subs.Match
	except *Spoke
	only   *Spoke
}

const pooledMessageBytes = 64 << 10

var messages = sync.Pool{New: func() any { return new(message) }}

func newMessage(h *Hub) *message {
	m := messages.Get().(*message)
	m.hub = h
	return m
}

// Recycle puts the message back into its pool.
func (m *message) Recycle() {
	if cap(m.buf) > pooledMessageBytes {
		m.buf = nil
	}
	m.match = subs.Match{}
	m.except = nil
	m.only = nil
	m.hub = nil
	messages.Put(m)
}

// begin returns an empty buffer with room for a header in front.
func (m *message) begin() []byte {
	if cap(m.buf) < wsframe.MaxHeader {
		m.buf = make([]byte, wsframe.MaxHeader, 256)
	}
	return m.buf[:wsframe.MaxHeader]
}

// seal puts the header ahead of what was appended to the slice that begin returned, and makes it a frame.
func (m *message) seal(buf []byte, op wsframe.Opcode, counted bool) {
	m.buf = buf
	size := len(buf) - wsframe.MaxHeader
	start := wsframe.MaxHeader - wsframe.HeaderLen(size)
	wsframe.AppendHeader(buf[start:start], op, size)
	m.Reset(buf[start:], counted, m)
}

func (m *message) encode(e event.Event) {
	m.seal(event.Append(m.begin(), e), m.hub.opcode, true)
}

func (m *message) encodeView(v *event.View) {
	m.seal(v.Append(m.begin()), m.hub.opcode, true)
}

// Do hands the message to its receivers on one reactor and drops that reactor's reference.
func (m *message) Do(r *netpoll.Reactor) {
	l := r.Handler().(*lane)
	l.took += int64(m.Len())
	if m.only != nil {
		l.sendOne(m)
	} else {
		l.fanout(m)
	}
	m.Release()
}
