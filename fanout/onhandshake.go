package fanout

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Handshake is a client that asks to become a spoke. It and what it points to belong to Config.OnHandshake until that returns.
type Handshake struct {
	// Request is the request as net/http has it, without a body: line, headers, cookies, TLS state. Its RemoteAddr and Host are those
	// of the client, also behind a trusted proxy. Its context is the one that OnHandshake gets; with ServeHTTP it has the
	// values of the request's own, such as what a middleware has found out.
	Request *http.Request
	// Subprotocols are those that the client offers, in its order.
	Subprotocols []string
	// AnyOrigin says that Config.Origins has "*": then a cookie proves nothing, for browsers send it whatever page asks.
	AnyOrigin bool
	// RemoteAddr and LocalAddr are the two ends of the connection.
	RemoteAddr, LocalAddr net.Addr
}

// ErrAuthLater is what Config.OnHandshake returns for a client that may identify itself by a first event, __auth. It is let in without an
// identity, and OnConnection is called when it has one. Until then all else that it sends is answered with __reject and the reason
// unauthenticated; without an identity within Config.HandshakeTimeout it is closed with 4401.
var ErrAuthLater = errors.New("identity to follow by __auth")

func (h *Hub) newHandshake(r *http.Request, remote, local net.Addr) *Handshake {
	hs := &Handshake{Request: r, AnyOrigin: h.cfg.onPath.AllowsAnyOrigin(), RemoteAddr: remote, LocalAddr: local}
	for _, line := range r.Header["Sec-Websocket-Protocol"] {
		for offer := range strings.SplitSeq(line, ",") {
			if offer = strings.Trim(offer, " \t"); offer != "" {
				hs.Subprotocols = append(hs.Subprotocols, offer)
			}
		}
	}
	return hs
}

// inquireHTTP asks Config.OnHandshake about a request that net/http serves, and waits for the answer until the time for it is up. The hook
// has a goroutine of its own, so that one which ignores its context does not hold up the client. Half of Workers may go on like that
// when their clients have been answered; while so many do, nobody is asked.
func (h *Hub) inquireHTTP(r *http.Request) verdict {
	if h.counters.hooksLate.Load() >= int64(h.workers.maxInquiries) {
		return verdict{refusal: refuseUndecided}
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.HandshakeTimeout)
	defer cancel()
	defer context.AfterFunc(h.lifecycle.open, cancel)()
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		local = &net.TCPAddr{}
	}
	decided := make(chan verdict, 1)
	hs := h.newHandshake(r.WithContext(ctx), remoteOf(r), local)
	go func() {
		defer close(decided)
		decided <- h.decide(ctx, hs)
	}()
	select {
	case v, isDecided := <-decided:
		if !isDecided {
			return h.undecided(hs, refuseFailed, errHookEnded)
		}
		return v
	case <-ctx.Done():
	}
	h.counters.hooksLate.Add(1)
	go func() {
		<-decided
		h.counters.hooksLate.Add(-1)
	}()
	if errors.Is(ctx.Err(), context.Canceled) {
		return verdict{refusal: refuseCanceled}
	}
	return verdict{refusal: refuseUndecided}
}

// remoteOf is the address of the client as the request has it.
func remoteOf(r *http.Request) net.Addr {
	if address, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return net.TCPAddrFromAddrPort(address)
	}
	return namedAddr(r.RemoteAddr)
}

// namedAddr is an address that is no address and port, such as that of a Unix socket.
type namedAddr string

// Network is empty, for nobody knows it.
func (namedAddr) Network() string { return "" }

func (a namedAddr) String() string { return string(a) }
