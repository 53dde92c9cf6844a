package fanout

import (
	"net"
	"time"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

// accept sends a connection from a listener to the loop with the fewest connections. Where the hub is full, one that is
// closing makes room.
func (l *loop) accept(a arrival) {
	h := l.hub
	h.counters.accepted.Add(1)
	refusal := h.admit(a.countsFor())
	if refusal == refuseFull {
		switch from := h.longestClosing(); from {
		case nil:
		case l:
			l.endLongestClosing(1)
			refusal = h.admit(a.countsFor())
		default:
			if from.reactor.Post((*arrivalInstead)(&a)) {
				return
			}
		}
	}
	to := l
	if refusal == nil {
		to = h.leastLoaded()
	}
	l.settle(a, refusal, to)
}

// settle gives an accepted connection to a loop. One over the limits stays on this loop, if it is let in at all.
func (l *loop) settle(a arrival, refusal *wsframe.Refusal, to *loop) {
	h := l.hub
	if refusal != nil && !h.admission.admitOverLimit(refusal) {
		l.refuseUnopened(a, refusal)
		return
	}
	if a.Conn == nil && h.shared.tuneEach.Load() {
		netpoll.Tune(a.FD, h.cfg.sockets())
	}
	to.shared.connections.Add(1)
	if to == l {
		l.arrive(a, refusal)
		return
	}
	l.work.arrivals[to.index] = append(l.work.arrivals[to.index], a)
}

// acceptFailed notes that accepting pauses. Any goroutine may call it: here is the loop on whose goroutine that is, nil on any
// other.
func (h *Hub) acceptFailed(here *loop, err error) {
	h.counters.acceptPauses.Add(1)
	h.log.acceptPaused(err, h.admission.spokes.Load())
	if netpoll.IsExhausted(err) {
		h.makeRoom(here)
	}
}

// arrivals are connections that one loop accepted for another, handed over once a turn.
type arrivals []arrival

// sendArrivals hands another loop the connections that this turn accepted for it, or closes them if that loop has stopped.
func (l *loop) sendArrivals(to *loop) {
	came := l.work.arrivals[to.index]
	if len(came) == 0 {
		return
	}
	l.work.arrivals[to.index] = nil
	if to.reactor.Post(arrivals(came)) {
		return
	}
	for _, a := range came {
		a.Close()
		to.uncount(&Spoke{loop: to, peer: addressOf(a.Peer), marks: countedIn | handshakeCounted | a.marks})
	}
}

// Do begins their handshakes.
func (a arrivals) Do(r *netpoll.Reactor) {
	l := r.Handler().(*loop)
	for _, c := range a {
		l.arrive(c, nil)
	}
}

// arrive begins the handshake of an accepted connection. One over the limits comes with its refusal, and is not counted in.
func (l *loop) arrive(a arrival, refusal *wsframe.Refusal) {
	s := &Spoke{loop: l, id: l.hub.nextID(), peer: addressOf(a.Peer), marks: a.marks}
	s.beginHandshake(a.at)
	if refusal == nil {
		s.marks |= countedIn | handshakeCounted
	}
	slot, opened := l.registerArrived(a)
	if !opened {
		l.uncount(s)
		if refusal != nil {
			l.hub.admission.removeOverLimit()
		}
		return
	}
	l.put(s, slot)
	if refusal != nil {
		l.conns.overLimit[slot] = refusal
	}
	if _, ok := a.Conn.(tlsConn); ok {
		s.ensureSeldom().beneath = a.Conn
	}
	l.secureArrived(s, a.tls)
	l.reactor.SetDeadline(slot, min(l.hub.cfg.FirstByteTimeout, l.hub.cfg.HandshakeTimeout))
	l.reactor.ReadSoon(slot)
}

func (l *loop) registerArrived(a arrival) (slot uint32, opened bool) {
	if !l.hub.lifecycle.serving() {
		l.refuseUnopened(a, refuseDown)
		return 0, false
	}
	slot, err := l.register(a.Accepted)
	if err != nil {
		l.hub.log.notRegistered(err)
		a.Close()
		return 0, false
	}
	return slot, true
}

// refuseUnopened answers a connection that gets no slot. What its socket does not take of the answer is lost; where TLS is spoken there is
// no answer without a handshake, and so none.
func (l *loop) refuseUnopened(a arrival, refusal *wsframe.Refusal) {
	l.counts.refusals[refusal.Status]++
	l.hub.log.refused(addressOf(a.Peer), nil, refusal)
	if a.tls != nil {
		a.Close()
		return
	}
	a.Reject(refusal.AppendResponse(nil, time.Now()))
}

// uncount undoes the counting of a connection that has no slot, or no longer. Any goroutine may call it.
func (l *loop) uncount(s *Spoke) {
	l.shared.connections.Add(-1)
	l.hub.admission.removeSpoke(s)
}

// register hands a connection to the reactor.
func (l *loop) register(a netpoll.Accepted) (slot uint32, err error) {
	if a.Conn != nil {
		boundSendBuffer(a.Conn, l.hub.cfg.SendBuffer)
		return l.reactor.OpenLink(a.Conn), nil
	}
	return l.reactor.Open(a.FD)
}

// boundSendBuffer sets the send buffer of a connection without a descriptor of its own, as netpoll.Tune does for the others, if
// the connection beneath has one.
func boundSendBuffer(conn net.Conn, size int) {
	if over, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = over.NetConn()
	}
	if socket, ok := conn.(interface{ SetWriteBuffer(bytes int) error }); ok && size > 0 {
		_ = socket.SetWriteBuffer(size)
	}
}
