package fanout

import (
	"bytes"
	"cmp"
	"time"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

var refuseTimeout = &wsframe.Refusal{Status: 408, Reason: "the handshake took too long"}

// handshake collects the head of a request and, when it is complete, decides what becomes of the connection.
func (l *loop) handshake(s *Spoke, view []byte) {
	slot := s.conn.Slot
	if s.marks&proxyHeader != 0 {
		l.readProxyHeader(s, view)
		return
	}
	if l.hub.cfg.OnHandshake != nil && l.conns.inquiries.bySlot[slot] != nil {
		l.keepBehind(s, view)
		return
	}
	buf, scanned := l.conns.requests.with(slot, view)
	start, end, refusal := l.hub.cfg.onPath.FindHead(buf, scanned)
	if end == 0 && refusal == nil {
		if l.conns.requests.storeFirst(slot, view) {
			l.beginRequest(slot)
		}
		return
	}
	defer recycleRequest(l.conns.requests.take(slot))
	if refusal != nil {
		l.refuse(s, buf, refusal)
		return
	}
	request, refusal := wsframe.ParseRequest(buf[start:end])
	if refusal != nil {
		l.refuse(s, buf, refusal)
		return
	}
	isOurs := string(request.Path) == l.hub.cfg.Path
	if isOurs {
		request.IsSecure = l.reactor.TLS(slot) != nil
		refusal = cmp.Or(l.heed(s, &request), l.conns.overLimit[slot])
	}
	switch {
	case refusal != nil:
		l.refuseRequest(s, &request, refusal)
	case !isOurs:
		if request.IsUpgrade {
			l.hub.log.otherPath(s.peer, &request)
		}
		l.toHTTP(s, buf[start:])
	default:
		if l.hub.cfg.OnHandshake != nil && scanned == 0 {
			l.beginRequest(slot)
		}
		l.upgrade(s, &request, buf[start:end], buf[end:])
	}
}

// beginRequest gives a client the time for its request, unless that has begun with its TLS handshake.
func (l *loop) beginRequest(slot uint32) {
	if l.reactor.TLS(slot) == nil {
		l.reactor.SetDeadline(slot, l.hub.cfg.HandshakeTimeout)
	}
}

// upgrade answers a request to the hub's path, or has Config.OnHandshake decide over it. head is all of the request, rest what the
// client has sent behind it.
func (l *loop) upgrade(s *Spoke, request *wsframe.Request, head, rest []byte) {
	f := newFrame()
	response, subprotocol, refusal := l.hub.cfg.onPath.Upgrade(request, f.buf[:0])
	f.sealRaw(response)
	defer f.Release()
	if refusal != nil {
		l.refuseRequest(s, request, l.hub.cfg.onPath.Explain(refusal, request))
		return
	}
	if l.hub.cfg.OnHandshake != nil {
		l.inquire(s, &inquiry{head: bytes.Clone(head), response: bytes.Clone(response), subprotocol: subprotocol, host: string(request.Host), isSecure: request.IsSecure}, rest)
		return
	}
	l.switchProtocols(s, f, subprotocol)
	l.openSpoke(s, rest)
}

// switchProtocols answers a handshake with f, a 101.
func (l *loop) switchProtocols(s *Spoke, f *frame, subprotocol string) {
	l.counts.handshakes++
	l.endHandshake(s)
	if subprotocol != "" {
		s.ensureExtra().subprotocol = subprotocol
	}
	l.send(s, f)
}

// refuse answers a handshake that was not read, or not to its end, with an HTTP error and closes. head is what has arrived of it, for the
// log. See refuseWithCode for those that get a close code instead.
func (l *loop) refuse(s *Spoke, head []byte, refusal *wsframe.Refusal) {
	request := wsframe.Glance(head)
	l.refuseRequest(s, &request, refusal)
}

// refuseWaiting is refuseRequest for a handshake over which nobody has decided: it is asked about, or has not come to its end.
func (l *loop) refuseWaiting(s *Spoke, refusal *wsframe.Refusal) {
	if q := l.conns.inquiries.bySlot[s.conn.Slot]; q != nil {
		l.refuseRequest(s, q.parsed(), refusal)
		return
	}
	l.refuse(s, l.conns.requests.beginning(s.conn.Slot), refusal)
}

// turnAway refuses a client that is in its handshake, whatever that has come to. Ahead of TLS nothing can be said to it.
func (l *loop) turnAway(s *Spoke, refusal *wsframe.Refusal) {
	if isAhead, _ := l.reactor.IsSecuring(s.conn.Slot); !isAhead {
		l.refuseWaiting(s, refusal)
		return
	}
	l.counts.refusals[refusal.Status]++
	l.hub.log.refused(s.peer, nil, refusal)
	l.end(s, Cause{})
}

// refuseRequest is refuse for a request that was read.
func (l *loop) refuseRequest(s *Spoke, request *wsframe.Request, refusal *wsframe.Refusal) {
	l.hub.log.refused(s.peer, request, refusal)
	l.counts.refusals[refusal.Status]++
	s.marks |= refused
	l.startClosing(s, Cause{})
	f := newFrame()
	f.sealRaw(refusal.AppendResponse(f.buf[:0], time.Now()))
	l.sendLast(s, f)
}

// handshakeTimeout closes a connection that took too long, with an answer if it has begun its request. While the hub does not get
// to reading, it has time.
func (l *loop) handshakeTimeout(s *Spoke) {
	if l.reactor.IsHeavy() {
		l.reactor.SetDeadline(s.conn.Slot, netpoll.Tick)
		return
	}
	if _, isBegun := l.reactor.IsSecuring(s.conn.Slot); isBegun {
		l.secureTimeout(s)
		return
	}
	if l.conns.inquiries.bySlot[s.conn.Slot] != nil {
		l.refuseWaiting(s, refuseUndecided.answer())
		return
	}
	if l.conns.requests.begun(s.conn.Slot) {
		if s.marks&proxyHeader != 0 {
			l.refuseHeader(s, nil, refuseTimeout)
			return
		}
		l.refuseWaiting(s, refuseTimeout)
		return
	}
	l.counts.refusals[refuseTimeout.Status]++
	l.end(s, Cause{})
}

// toHTTP hands a connection whose request is for another path to net/http, with the bytes already read.
func (l *loop) toHTTP(s *Spoke, buf []byte) {
	slot := s.conn.Slot
	overLimit := l.conns.overLimit[slot] != nil
	if !overLimit && !l.hub.hasRoomForHTTP() {
		if overLimit = l.hub.admission.admitOverLimit(refuseFull); !overLimit {
			l.refuse(s, buf, refuseMemory)
			return
		}
	}
	unread := bytes.Clone(buf)
	c := &httpConn{admission: &l.hub.admission, peer: s.peer, countsFor: s.countsFor(), overLimit: overLimit, held: httpConnBytes + int64(len(unread))}
	l.hub.admission.httpBytes.Add(c.held)
	if c.overLimit {
		delete(l.conns.overLimit, slot)
	} else {
		l.hub.admission.toHTTP(s)
	}
	c.released = l.detach(s, Cause{}, unread)
	l.hub.httpServer.give(c)
}
