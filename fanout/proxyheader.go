package fanout

import (
	"errors"

	"github.com/spokehub/spokehub/internal/proxied"
	"github.com/spokehub/spokehub/wsframe"
)

var (
	refuseNoHeader  = &wsframe.Refusal{Status: 400, Reason: "the PROXY protocol is expected here: turn it on in the load balancer (HAProxy: send-proxy-v2; nginx: proxy_protocol on), or off for this listener"}
	refuseBadHeader = &wsframe.Refusal{Status: 400, Reason: "malformed header of the PROXY protocol"}
	refuseSpeaker   = &wsframe.Refusal{Status: 403, Reason: "only trusted proxies may connect here: the operator can add one with --trusted-proxy, an embedder with Config.TrustedProxies"}
)

// readProxyHeader reads the header of the PROXY protocol, which comes ahead of a connection's request, in one piece or several, and
// then counts the connection for the client that it names. The whole header has to come in the time that the first byte has.
func (l *loop) readProxyHeader(s *Spoke, view []byte) {
	slot := s.conn.Slot
	if s.marks&byProxy == 0 {
		l.refuseHeader(s, view, refuseSpeaker)
		return
	}
	buf, _ := l.conns.requests.with(slot, view)
	client, length, err := proxied.ParseHeader(buf)
	switch {
	case errors.Is(err, proxied.ErrNoHeader):
		l.refuseHeader(s, buf, refuseNoHeader)
		return
	case err != nil:
		l.refuseHeader(s, buf, refuseBadHeader)
		return
	case length == 0:
		l.conns.requests.storeFirst(slot, view)
		return
	}
	defer recycleRequest(l.conns.requests.take(slot))
	s.marks &^= proxyHeader
	if client.IsValid() && !client.Addr().IsUnspecified() {
		s.peer = addressOf(client)
	}
	if !l.hub.trusts(s.peer, nil) {
		if refusal := l.attribute(s, s.peer); refusal != nil && !l.refuseBehindTLS(s, refusal) {
			l.refuse(s, buf[length:], refusal)
			return
		}
	}
	if s.phase != handshaking || l.secureBehindHeader(s, buf[length:]) {
		return
	}
	if rest := buf[length:]; len(rest) > 0 {
		l.handshake(s, rest)
	}
}

// refuseHeader ends a connection without the header that has to come first. head is the request that came in its place, if one did.
func (l *loop) refuseHeader(s *Spoke, head []byte, refusal *wsframe.Refusal) {
	l.hub.counters.headersRefused.Add(1)
	l.refuse(s, head, refusal)
}

// refuseBehindTLS has a connection over the limits shake TLS hands first, where TLS is spoken, so that the client can read its refusal. It
// then is one of those let in over the limits. Where none of their places is free it ends without an answer.
func (l *loop) refuseBehindTLS(s *Spoke, refusal *wsframe.Refusal) bool {
	slot := s.conn.Slot
	if l.conns.toSecure[slot] == nil {
		return false
	}
	l.hub.admission.removeSpoke(s)
	s.marks &^= byProxy
	if l.hub.admission.admitOverLimit(refusal) {
		l.conns.overLimit[slot] = refusal
		return true
	}
	l.counts.refusals[refusal.Status]++
	l.hub.log.refused(s.peer, nil, refusal)
	l.end(s, Cause{})
	return true
}
