package fanout

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/spokehub/spokehub/internal/proxied"
	"github.com/spokehub/spokehub/netpoll"
	"github.com/spokehub/spokehub/wsframe"
)

// arrival is an accepted connection on its way to its loop.
type arrival struct {
	netpoll.Accepted
	// marks are proxyHeader and byProxy, as far as they hold.
	marks marks
	// tls is nil where no TLS is spoken.
	tls *tls.Config
	// at is when it was accepted (netpoll.Moment).
	at time.Duration
}

// newArrival says what a proxy has yet to tell of an accepted connection. Where no proxies are trusted, whoever reaches a listener
// that expects the PROXY protocol may speak it.
func (h *Hub) newArrival(a netpoll.Accepted, from listenerKind) arrival {
	arrived := arrival{Accepted: a, tls: from.tls, at: netpoll.Moment()}
	if from.hasHeader {
		arrived.marks |= proxyHeader
	}
	if h.trusts(addressOf(a.Peer), a.Conn) || from.hasHeader && !h.cfg.proxies.Any() {
		arrived.marks |= byProxy
	}
	return arrived
}

// countsFor is the address that the connection counts for.
func (a *arrival) countsFor() peerAddress { return countsForIf(a.marks, addressOf(a.Peer)) }

// countsFor is the address that the spoke counts for.
func (s *Spoke) countsFor() peerAddress { return countsForIf(s.marks, s.peer) }

// countsForIf is no address while a proxy has yet to tell it.
func countsForIf(m marks, peer peerAddress) peerAddress {
	if m&byProxy != 0 {
		return peerAddress{}
	}
	return peer
}

// trusts says whether a peer is a trusted proxy. conn is nil for a connection with a descriptor; such a one without an address is on
// a Unix socket. Any goroutine may call it.
func (h *Hub) trusts(peer peerAddress, conn net.Conn) bool {
	switch {
	case !h.cfg.proxies.Any():
		return false
	case peer.known():
		return h.cfg.proxies.Contain(peer.addrPort().Addr())
	case conn == nil:
		return true
	}
	_, isLocal := conn.RemoteAddr().(*net.UnixAddr)
	return isLocal
}

// heed has a request of a trusted proxy's count for the client that it tells of, or says why that may have no further connection. The
// request then has the host that the client asked for.
func (l *loop) heed(s *Spoke, r *wsframe.Request) *wsframe.Refusal {
	if s.marks&byProxy == 0 {
		return nil
	}
	var f proxied.Fields
	for name, value := range r.Fields() {
		f.Add(name, value)
	}
	c := l.hub.clientBehind(s.peer, &f)
	if c.Host != "" {
		r.Host = []byte(c.Host)
	}
	r.IsSecure = c.IsSecure
	return l.attribute(s, addressOf(c.Addr))
}

// attribute counts a connection for the client whose it is, or says why that may have no further one. A connection that is over the
// limits counts for nobody.
func (l *loop) attribute(s *Spoke, client peerAddress) *wsframe.Refusal {
	s.peer = client
	if s.marks&countedIn != 0 && !l.hub.admission.addresses.add(client) {
		return refuseMany
	}
	s.marks &^= byProxy
	return nil
}

// clientBehind is whom the fields of a request name that came from a trusted proxy. Any goroutine may call it.
func (h *Hub) clientBehind(peer peerAddress, f *proxied.Fields) proxied.Client {
	var from netip.AddrPort
	if peer.known() {
		from = peer.addrPort()
	}
	c := h.cfg.proxies.ClientBehind(from, f)
	if c.IsIgnored {
		h.counters.forwardedIgnored.Add(1)
	}
	return c
}

// forwarded returns a request that net/http has got as the client sent it that is behind a trusted proxy: RemoteAddr, Host, and https in
// URL.Scheme if it came over TLS. A request of anyone else's is returned as it is. r is not changed. Any goroutine may call it.
func (h *Hub) forwarded(r *http.Request) *http.Request {
	if !h.cfg.proxies.Any() {
		return r
	}
	var peer peerAddress
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		peer = addressOf(a)
	}
	if _, isLocal := r.Context().Value(http.LocalAddrContextKey).(*net.UnixAddr); !peer.known() && !isLocal || !h.trusts(peer, nil) {
		return r
	}
	c := h.clientBehind(peer, proxied.FieldsOf(r.Header))
	client := *r
	if c.Addr.IsValid() {
		client.RemoteAddr = c.Addr.String()
	}
	if c.Host != "" {
		client.Host = c.Host
	}
	if c.IsSecure && r.URL != nil {
		url := *r.URL
		url.Scheme = "https"
		client.URL = &url
	}
	return &client
}

// requestPeer is the address that a request of net/http's has, or that of its connection where it has none.
func requestPeer(r *http.Request, conn net.Conn) peerAddress {
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return addressOf(peer)
	}
	return peerOf(conn)
}
