package fanout

import (
	"net"
	"net/netip"
)

// peerAddress is a source address without pointers.
type peerAddress struct {
	ip   [16]byte
	port uint16
}

func peerOf(conn net.Conn) peerAddress {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		if ip, ok := netip.AddrFromSlice(tcp.IP); ok {
			return addressOf(netip.AddrPortFrom(ip, uint16(tcp.Port)))
		}
	}
	return peerAddress{}
}

func addressOf(a netip.AddrPort) peerAddress {
	if !a.IsValid() {
		return peerAddress{}
	}
	return peerAddress{ip: a.Addr().As16(), port: a.Port()}
}

func (p peerAddress) known() bool { return p != peerAddress{} }

// String is the address with its port, for logs.
func (p peerAddress) String() string {
	if !p.known() {
		return "local"
	}
	return p.addrPort().String()
}

func (p peerAddress) addrPort() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(p.ip).Unmap(), p.port)
}
