package fanout

import (
	"bytes"
	"net"
	"sync"
	"time"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

var headBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// arrivals are connections that one lane accepted for another, handed over once a turn.
type arrivals []netpoll.Accepted

// Do takes them in.
func (a arrivals) Do(r *netpoll.Reactor) {
	l := r.Handler().(*lane)
	for _, c := range a {
		l.arrive(c, nil)
	}
}

// discard closes connections that were meant for a lane that has stopped.
func (l *lane) discard(to *lane, came arrivals) {
	for _, a := range came {
		a.Close()
		to.load.Add(-1)
		l.hub.departed(&Spoke{lane: to, peer: addressOf(a.Peer), marks: countedIn | shaking})
	}
}

// Accepted takes a connection of a listener to the lane with the fewest. One over the limits stays here: see mostOver.
func (l *lane) Accepted(_ uint32, a netpoll.Accepted) {
	h := l.hub
	h.accepted.Add(1)
	refusal := h.admit(addressOf(a.Peer))
	if refusal != nil && !h.letIn(refusal) {
		l.countRefusal(refusal)
		l.turnAway(a, refusal)
		return
	}
	if a.Conn == nil && h.tuneEach.Load() {
		netpoll.Tune(a.FD, h.sockets())
	}
	to := l
	if refusal == nil {
		to = h.leastLoaded()
	}
	to.load.Add(1)
	if to == l {
		l.arrive(a, refusal)
		return
	}
	l.arrivals[to.index] = append(l.arrivals[to.index], a)
}

// arrive begins the handshake of an accepted connection. One over the limits comes with its refusal, and is not counted in.
func (l *lane) arrive(a netpoll.Accepted, refusal *wsframe.Refusal) {
	s := &Spoke{lane: l, id: l.hub.nextID(), peer: addressOf(a.Peer)}
	if refusal == nil {
		s.marks = countedIn | shaking
	}
	if l.hub.state.Load() != serving {
		l.countRefusal(refuseDown)
		l.turnAway(a, refuseDown)
		l.unarrive(s, refusal)
		return
	}
	slot, err := l.open(a)
	if err != nil {
		l.hub.cfg.Logger.Error("accepted connection could not be registered", "error", err)
		a.Close()
		l.unarrive(s, refusal)
		return
	}
	l.put(s, slot)
	if refusal != nil {
		l.over[slot] = refusal
	}
	l.reactor.SetDeadline(slot, min(l.hub.cfg.FirstByteTimeout, l.hub.cfg.HandshakeTimeout))
	l.reactor.ReadSoon(slot)
}

// unarrive undoes the counting of a connection that got no slot.
func (l *lane) unarrive(s *Spoke, refusal *wsframe.Refusal) {
	l.load.Add(-1)
	l.hub.departed(s)
	if refusal != nil {
		l.hub.over.Add(-1)
	}
}

func (l *lane) open(a netpoll.Accepted) (uint32, error) {
	if a.Conn != nil {
		boundSendBuffer(a.Conn, l.hub.cfg.SendBuffer)
		return l.reactor.OpenLink(a.Conn), nil
	}
	return l.reactor.Open(a.FD)
}

// boundSendBuffer does for a connection without a descriptor of its own what netpoll.Tune does for the others, as far as
// what lies beneath it lets it.
func boundSendBuffer(conn net.Conn, size int) {
	if over, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = over.NetConn()
	}
	if socket, ok := conn.(interface{ SetWriteBuffer(bytes int) error }); ok && size > 0 {
		_ = socket.SetWriteBuffer(size)
	}
}

// shake collects the request head and, when it is whole, decides what becomes of the connection.
func (l *lane) shake(s *Spoke, view []byte) {
	slot := s.conn.Slot
	head := l.heads[slot]
	scanned := 0
	buf := view
	if head != nil {
		scanned = len(*head)
		*head = append(*head, view...)
		buf = *head
	}
	end, refusal := wsframe.HeadEnd(buf, scanned)
	if end == 0 && refusal == nil {
		l.keepHead(s, head, view)
		return
	}
	if head != nil {
		delete(l.heads, slot)
		defer recycleHead(head)
	}
	if refusal != nil {
		l.refuseShake(s, refusal)
		return
	}
	request, refusal := wsframe.ParseRequest(buf[:end])
	if refusal != nil {
		l.refuseShake(s, refusal)
		return
	}
	if string(request.Path) != l.hub.cfg.Path {
		l.toWeb(s, buf)
		return
	}
	if over := l.over[slot]; over != nil {
		l.refuseShake(s, over)
		return
	}
	m := newMessage(l.hub)
	response, subprotocol, refusal := l.hub.served.Upgrade(&request, m.buf[:0])
	m.buf = response
	m.Reset(response, false, m)
	defer m.Release()
	if refusal != nil {
		l.refuseShake(s, refusal)
		return
	}
	l.counts.handshakes++
	l.hub.handshakeDone(s)
	if subprotocol != "" {
		s.more().subprotocol = subprotocol
	}
	l.reactor.Sender().Send(slot, &m.Frame)
	l.begin(s, buf[end:])
}

// keepHead keeps a head that is not whole, of which the first bytes are in head if it is not nil.
func (l *lane) keepHead(s *Spoke, head *[]byte, view []byte) {
	if head != nil {
		return
	}
	head = headBuffers.Get().(*[]byte)
	*head = append((*head)[:0], view...)
	l.heads[s.conn.Slot] = head
	l.reactor.SetDeadline(s.conn.Slot, l.hub.cfg.HandshakeTimeout)
}

// begin opens the connection for messages; rest is what the client has sent behind its handshake.
func (l *lane) begin(s *Spoke, rest []byte) {
	s.phase = open
	if l.hub.cfg.OnConnection != nil {
		l.note(s, itemConnected, nil)
		s.marks |= greeting
	}
	l.schedulePing(s)
	if len(rest) > 0 {
		l.receive(s, rest)
	}
}

// refuseShake answers a handshake with an HTTP error and closes.
func (l *lane) refuseShake(s *Spoke, refusal *wsframe.Refusal) {
	l.countRefusal(refusal)
	l.remove(s, Cause{})
	m := newMessage(l.hub)
	m.buf = refusal.AppendResponse(m.buf[:0], time.Now())
	l.queueLast(s, m)
}

func (l *lane) countRefusal(refusal *wsframe.Refusal) {
	l.counts.refused++
	l.counts.refusals[refusal.Status]++
}

var refuseTimeout = &wsframe.Refusal{Status: 408, Reason: "the handshake took too long"}

func (l *lane) shakeTimeout(s *Spoke) {
	if l.heads[s.conn.Slot] == nil {
		l.countRefusal(refuseTimeout)
		l.remove(s, Cause{})
		l.end(s, netpoll.DropClosed)
		return
	}
	l.refuseShake(s, refuseTimeout)
}

// toWeb hands a connection whose request is not for the hub to net/http, with the bytes already read.
func (l *lane) toWeb(s *Spoke, buf []byte) {
	unread := bytes.Clone(buf)
	g := l.invite(s)
	l.remove(s, Cause{})
	slot := s.conn.Slot
	l.leave(s)
	g.released = l.reactor.Release(slot, unread)
	l.hub.web.give(g)
}

// turnAway answers a connection that can't be admitted as far as the socket takes it, without a slot.
func (l *lane) turnAway(a netpoll.Accepted, refusal *wsframe.Refusal) {
	a.Reject(refusal.AppendResponse(nil, time.Now()))
}

func (l *lane) dropHead(s *Spoke) {
	if head := l.heads[s.conn.Slot]; head != nil && l.spoke(s.conn.Slot) == s {
		delete(l.heads, s.conn.Slot)
		recycleHead(head)
	}
}

func recycleHead(head *[]byte) {
	if cap(*head) <= 2*wsframe.MaxHead {
		headBuffers.Put(head)
	}
}
