package fanout

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

var _ http.Handler = (*Hub)(nil)

// ServeHTTP upgrades a request to a WebSocket and adds its connection, so that a hub can be mounted in any net/http
// server and on any path. Origins, Hosts and Subprotocols of Config apply; a request that is no handshake gets 426 with a
// hint. It needs an http.ResponseWriter that can be hijacked: a middleware that wraps it must have Hijack, or an Unwrap that
// returns the writer beneath; otherwise the answer is 500 and names the wrapper. It returns as soon as the connection is the hub's,
// with what the server had read of it ahead. After Shutdown the answer is 503.
//
// Under http.ListenAndServeTLS an idle spoke takes no goroutine on Linux, but what crypto/tls and net/http have made of its connection stays
// theirs: with Serve and Config.TLS events cost less.
//
// OnHandshake runs on a goroutine of its own, for which the request waits, and not on the worker pool: how many run at a time is up to the
// server.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := netpoll.Moment()
	r = h.forwarded(r)
	response, subprotocol, refusal := h.cfg.anyPath.UpgradeHTTP(r, nil)
	refusal = h.cfg.anyPath.ExplainHTTP(refusal, r)
	if refusal == nil && !h.lifecycle.serving() {
		refusal = refuseDown
	}
	var v verdict
	if refusal == nil && h.cfg.OnHandshake != nil {
		if v = h.inquireHTTP(r); v.refusal != nil && v.refusal.Code == 0 {
			refusal = v.refusal.answer()
		} else if v.refusal != nil {
			h.log.refusedHTTP(r, v.refusal.closed())
		}
	}
	if refusal != nil {
		h.countRefusal(r, refusal)
		refusal.ServeHTTP(w, r)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		h.cannotHijack(w, r, err)
		return
	}
	peer := requestPeer(r, conn)
	conn = h.unwrap(conn)
	s, refusal := h.admitAdded(peer, false)
	if refusal != nil {
		h.countRefusal(r, refusal)
		response = refusal.AppendResponse(nil, time.Now())
	}
	_ = conn.SetDeadline(time.Now().Add(h.cfg.HandshakeTimeout))
	_, err = conn.Write(response)
	if refusal != nil {
		conn.Close()
		return
	}
	if err != nil {
		conn.Close()
		s.loop.uncount(s)
		return
	}
	_ = conn.SetDeadline(time.Time{})
	s.loop.ask(func(*netpoll.Reactor) {
		s.loop.counts.handshakes++
		s.loop.counts.handshakeTook(netpoll.Moment() - began)
	})
	rest, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	if err := h.add(s, conn, entry{verdict: v, subprotocol: subprotocol, rest: rest, answered: true}); err != nil {
		h.cfg.Logger.Debug("upgraded connection not added", "error", err)
	}
}

// hijackRemedy tells a person what to do about a wrapper without Hijack.
const hijackRemedy = "a middleware that wraps the http.ResponseWriter must implement Hijack, or Unwrap() http.ResponseWriter, or leave this path alone"

// cannotHijack answers where the connection can't be taken out of net/http, and names what is in the way.
func (h *Hub) cannotHijack(w http.ResponseWriter, r *http.Request, err error) {
	writer := fmt.Sprintf("%T", w)
	refusal := &wsframe.Refusal{Status: http.StatusInternalServerError, Reason: "this server can't upgrade this connection: " + err.Error()}
	if errors.Is(err, http.ErrNotSupported) {
		refusal.Reason = "this server can't upgrade this connection: the http.ResponseWriter, " + writer + ", hides http.Hijacker: " + hijackRemedy
	}
	h.log.cannotHijack(writer, r.URL.Path, err)
	h.countRefusal(r, refusal)
	refusal.ServeHTTP(w, r)
}

// countRefusal counts and logs a refusal that no loop has made; the first loop has the counter.
func (h *Hub) countRefusal(r *http.Request, refusal *wsframe.Refusal) {
	h.log.refusedHTTP(r, refusal)
	l := h.loops[0]
	l.ask(func(*netpoll.Reactor) { l.counts.refusals[refusal.Status]++ })
}
