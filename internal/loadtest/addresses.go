package loadtest

import (
	"context"
	"net"
	"net/netip"
	"net/url"
)

// perAddress is how many clients come from each address of loopback: a client has some 28,000 ports to an address at most, and a hub
// may limit what comes from one.
const perAddress = 500

// dialFrom returns a function that makes the connection of a client, from an address of its own where the hub is on 127.0.0.1; nil
// elsewhere.
func dialFrom(target string, number int) func(ctx context.Context, network, address string) (net.Conn, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil
	}
	host, err := netip.ParseAddr(u.Hostname())
	if err != nil || !host.Is4() || !host.IsLoopback() || !canSpread {
		return nil
	}
	group := number / perAddress
	from := netip.AddrFrom4([4]byte{127, byte(group >> 16), byte(group >> 8), byte(group + 1)})
	dialer := &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	return dialer.DialContext
}
