package fanout

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// addressLimits counts connections and unfinished handshakes by source address, where the configuration limits them. Any
// goroutine may use it: mu guards counts, isOn never changes.
//
// I1: an address is in the map only while it has a connection. Peers without one, as on Unix sockets, are not counted.
// I2: the addresses of an IPv6 network that one client may have count as one.
type addressLimits struct {
	// isOn says that the hub began with a limit: else nobody is counted, ever.
	isOn bool
	// maxConnections and maxHandshakes are for each address; 0 means no limit. Reconfigure changes them.
	maxConnections, maxHandshakes atomic.Int64

	mu     sync.Mutex
	counts map[netip.Addr]addressCount
}

// addressCount is what one address has now.
type addressCount struct {
	connections int
	handshakes  int
}

// begin sets the first limits.
func (a *addressLimits) begin(maxConnections, maxHandshakes int) {
	a.isOn = maxConnections > 0 || maxHandshakes > 0
	a.change(maxConnections, maxHandshakes)
}

// change sets other limits. Who is over them stays.
func (a *addressLimits) change(maxConnections, maxHandshakes int) {
	a.maxConnections.Store(int64(maxConnections))
	a.maxHandshakes.Store(int64(maxHandshakes))
}

// add counts a connection and its handshake, or reports false if the address has as many as it may.
func (a *addressLimits) add(peer peerAddress) bool {
	if !a.counted(peer) {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counts == nil {
		a.counts = make(map[netip.Addr]addressCount)
	}
	ip := chargedAddress(peer)
	n := a.counts[ip]
	if most := a.maxConnections.Load(); most > 0 && int64(n.connections) >= most {
		return false
	}
	if most := a.maxHandshakes.Load(); most > 0 && int64(n.handshakes) >= most {
		return false
	}
	n.connections++
	n.handshakes++
	a.counts[ip] = n
	return true
}

// handshakeDone ends a handshake that add has counted.
func (a *addressLimits) handshakeDone(peer peerAddress) {
	a.subtract(peer, addressCount{handshakes: 1})
}

// remove ends a connection that add has counted.
func (a *addressLimits) remove(peer peerAddress) { a.subtract(peer, addressCount{connections: 1}) }

func (a *addressLimits) subtract(peer peerAddress, less addressCount) {
	if !a.counted(peer) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	ip := chargedAddress(peer)
	n := a.counts[ip]
	n.connections -= less.connections
	n.handshakes -= less.handshakes
	if n.connections <= 0 {
		delete(a.counts, ip)
		return
	}
	a.counts[ip] = n
}

func (a *addressLimits) counted(peer peerAddress) bool {
	return a.isOn && peer.known()
}

// clientNetwork is the length of the prefix that a client's IPv6 addresses have in common (RFC 6177, RFC 7934).
const clientNetwork = 64

// translated is the network of the IPv4 addresses that a gateway has translated (RFC 6052): each is a client's.
var translated = netip.MustParsePrefix("64:ff9b::/96")

var (
	// teredo and sixToFour are networks whose addresses have a client's IPv4 address in them (RFC 4380 section 4, RFC 3056 section 2):
	// the one shares a /64 among all clients of a server, the other gives each client 65,536 of them.
	teredo    = netip.MustParsePrefix("2001::/32")
	sixToFour = netip.MustParsePrefix("2002::/16")
)

// chargedAddress is the address that a peer's connections count for: its own, or the first of its IPv6 network. In a link's own
// network each address is another machine's.
func chargedAddress(peer peerAddress) netip.Addr {
	ip := peer.addrPort().Addr()
	if ip.Is4() || ip.IsLinkLocalUnicast() || translated.Contains(ip) {
		return ip
	}
	bytes := ip.As16()
	switch {
	case teredo.Contains(ip):
		return netip.AddrFrom4([4]byte{^bytes[12], ^bytes[13], ^bytes[14], ^bytes[15]})
	case sixToFour.Contains(ip):
		return netip.AddrFrom4([4]byte(bytes[2:6]))
	}
	return netip.PrefixFrom(ip, clientNetwork).Masked().Addr()
}
