package proxied

import (
	"fmt"
	"net/netip"
)

// Networks are those of trusted proxies. The zero value has none. It never changes, and anybody may use it.
type Networks struct {
	prefixes []netip.Prefix
}

// mappedBits is how long the prefix is that all IPv4 addresses mapped to IPv6 have in common.
const mappedBits = 96

// NewNetworks checks networks and stores a copy of them. IPv4 networks mapped to IPv6 count as what they stand for.
func NewNetworks(prefixes []netip.Prefix) (Networks, error) {
	var n Networks
	for _, p := range prefixes {
		if p.IsValid() && p.Addr().Is4In6() && p.Bits() >= mappedBits {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits)
		}
		if !p.IsValid() || p.Addr().Zone() != "" {
			return Networks{}, fmt.Errorf("%v is not a network, such as 10.0.0.0/8 or 192.0.2.7/32", p)
		}
		n.prefixes = append(n.prefixes, p.Masked())
	}
	return n, nil
}

// Any says whether there are any.
func (n Networks) Any() bool { return len(n.prefixes) > 0 }

// Contain says whether an address is in one of them. A zone doesn't matter.
func (n Networks) Contain(ip netip.Addr) bool {
	ip = ip.WithZone("").Unmap()
	for _, p := range n.prefixes {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}
