package fanout

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spokehub/spokehub/event"
)

// ConnectionFilter says which spokes are meant: those for which all holds that it names. The zero value means every spoke.
type ConnectionFilter struct {
	// ID is Spoke.ID.
	ID uint64
	// User is Identity.User.
	User string
	// Topic is one that the spoke is subscribed to, by this name.
	Topic string
	// Address is that of the peer: an IP address, a network such as 10.1.0.0/16, or the beginning of an address that ends with a dot or a colon,
	// such as "10.1.". A connection that is not over TCP has none.
	Address string
}

// connectionFilter is a ConnectionFilter that has been looked at. It never changes.
type connectionFilter struct {
	ConnectionFilter
	topic []byte
	// network is what the address has to be in; where it is not valid, beginning is what the address has to begin with.
	network   netip.Prefix
	beginning []byte
}

// newConnectionFilter says what is wrong with a filter.
func newConnectionFilter(f ConnectionFilter) (connectionFilter, error) {
	out := connectionFilter{ConnectionFilter: f, topic: []byte(f.Topic)}
	if f.Topic != "" {
		if _, _, err := event.SplitTopic(f.Topic); err != nil {
			return out, fmt.Errorf("topic %q: %w", f.Topic, err)
		}
	}
	text := f.Address
	if text == "" {
		return out, nil
	}
	if ip, err := netip.ParseAddr(text); err == nil {
		ip = ip.Unmap().WithZone("")
		out.network = netip.PrefixFrom(ip, ip.BitLen())
		return out, nil
	}
	if network, err := netip.ParsePrefix(text); err == nil {
		out.network = unmapped(network)
		return out, nil
	}
	if strings.Trim(text, "0123456789abcdefABCDEF.:") != "" || !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, ":") {
		return out, fmt.Errorf("address %q: want an IP address, a network such as 10.1.0.0/16, or the beginning of an address that ends with a dot or a colon, such as 10.1.", text)
	}
	out.beginning = []byte(strings.ToLower(text))
	return out, nil
}

// unmapped is a network of IPv4 addresses that is written as one of IPv6 in the way of all others.
func unmapped(network netip.Prefix) netip.Prefix {
	const mapped = 96
	if ip := network.Addr(); ip.Is4In6() && network.Bits() >= mapped {
		return netip.PrefixFrom(ip.Unmap(), network.Bits()-mapped)
	}
	return network
}

// isEmpty says that it names nothing.
func (f ConnectionFilter) isEmpty() bool { return f == ConnectionFilter{} }

// has says whether a spoke is meant. It is for the loop's goroutine.
func (f *connectionFilter) has(l *loop, s *Spoke) bool {
	switch {
	case s.phase != open, f.ID != 0 && s.id != f.ID:
		return false
	case f.User != "" && (s.known() == nil || s.known().User != f.User):
		return false
	case f.Topic != "" && !l.part.Has(s.conn.Slot, f.topic):
		return false
	}
	return f.Address == "" || f.hasAddress(s.peer)
}

func (f *connectionFilter) hasAddress(peer peerAddress) bool {
	if !peer.known() {
		return false
	}
	ip := peer.addrPort().Addr()
	if f.network.IsValid() {
		return f.network.Contains(ip)
	}
	var room [48]byte
	return bytes.HasPrefix(ip.AppendTo(room[:0]), f.beginning)
}
