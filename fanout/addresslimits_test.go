package fanout

import (
	"net/netip"
	"slices"
	"testing"
)

func TestLimitsOfAddressesChangeWhereThereAreSome(t *testing.T) {
	peer := addressOf(netip.MustParseAddrPort("192.0.2.1:1000"))
	for name, c := range map[string]struct {
		first, next Config
		restart     []string
		admitted    int
	}{
		"more":                        {Config{MaxConnectionsPerAddress: 1}, Config{MaxConnectionsPerAddress: 3}, nil, 3},
		"fewer than there are":        {Config{MaxConnectionsPerAddress: 2}, Config{MaxConnectionsPerAddress: 1}, nil, 1},
		"of the other kind":           {Config{MaxConnectionsPerAddress: 9}, Config{MaxHandshakesPerAddress: 2}, nil, 2},
		"none":                        {Config{MaxHandshakesPerAddress: 1}, Config{}, nil, 10},
		"but not in one without them": {Config{}, Config{MaxConnectionsPerAddress: 1}, []string{"MaxConnectionsPerAddress"}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			c.first.Reactors, c.next.Reactors = 1, 1
			h, err := New(c.first)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { h.Shutdown(t.Context()) })
			a := &h.admission.addresses
			a.add(peer)
			if restart, err := h.Reconfigure(c.next); err != nil || !slices.Equal(restart, c.restart) {
				t.Errorf("got %q and %v, want %q to need a new hub", restart, err, c.restart)
			}
			admitted := 1
			for admitted < 10 && a.add(peer) {
				admitted++
			}
			if admitted != c.admitted {
				t.Errorf("got %d connections of an address let in, want %d", admitted, c.admitted)
			}
			for range admitted {
				a.handshakeDone(peer)
				a.remove(peer)
			}
			if len(a.counts) != 0 {
				t.Errorf("got %d addresses counted at the end, want none", len(a.counts))
			}
		})
	}
}

func TestAnAddressIsCountedOnlyWhileItHasAConnection(t *testing.T) {
	peer := addressOf(netip.MustParseAddrPort("192.0.2.1:1000"))
	other := addressOf(netip.MustParseAddrPort("192.0.2.2:1000"))
	samePeer := addressOf(netip.MustParseAddrPort("192.0.2.1:2000"))
	const network, elsewhere = "2001:db8:0:1::", "2001:db8:0:2::"
	addBoth := func(first, second string) func(a *addressLimits) bool {
		return func(a *addressLimits) bool {
			a.add(addressOf(netip.AddrPortFrom(netip.MustParseAddr(first), 1)))
			return a.add(addressOf(netip.AddrPortFrom(netip.MustParseAddr(second), 2)))
		}
	}
	for name, c := range map[string]struct {
		maxConnections int
		maxHandshakes  int
		do             func(a *addressLimits) (admitted bool)
		want           bool
		counts         int
	}{
		"a first connection":                    {1, 0, func(a *addressLimits) bool { return a.add(peer) }, true, 1},
		"a second one over the limit":           {1, 0, func(a *addressLimits) bool { a.add(peer); return a.add(samePeer) }, false, 1},
		"one of another address":                {1, 0, func(a *addressLimits) bool { a.add(peer); return a.add(other) }, true, 2},
		"one after the end of the first":        {1, 0, func(a *addressLimits) bool { a.add(peer); a.remove(peer); return a.add(samePeer) }, true, 1},
		"a second unfinished handshake":         {0, 1, func(a *addressLimits) bool { a.add(peer); return a.add(samePeer) }, false, 1},
		"one after a finished handshake":        {0, 1, func(a *addressLimits) bool { a.add(peer); a.handshakeDone(peer); return a.add(samePeer) }, true, 1},
		"the end of all":                        {1, 0, func(a *addressLimits) bool { ok := a.add(peer); a.remove(peer); return ok }, true, 0},
		"peers without an address":              {1, 0, func(a *addressLimits) bool { a.add(peerAddress{}); return a.add(peerAddress{}) }, true, 0},
		"another address of a network":          {1, 0, addBoth(network+"1", network+"ffff:2"), false, 1},
		"another handshake of a network":        {0, 1, addBoth(network+"1", network+"ffff:2"), false, 1},
		"one of another network":                {1, 0, addBoth(network+"1", elsewhere+"1"), true, 2},
		"one on the same link":                  {1, 0, addBoth("fe80::1", "fe80::2"), true, 2},
		"one translated from IPv4":              {1, 0, addBoth("64:ff9b::192.0.2.1", "64:ff9b::192.0.2.2"), true, 2},
		"one tunnelled by the same 6to4 client": {1, 0, addBoth("2002:c000:201:1::1", "2002:c000:201:2::1"), false, 1},
		"one tunnelled by another 6to4 client":  {1, 0, addBoth("2002:c000:201:1::1", "2002:c000:202:1::1"), true, 2},
		"one tunnelled through the same Teredo": {1, 0, addBoth("2001:0:4136:e378::f5ff:fdfe", "2001:0:4136:e378::f5ff:fdfd"), true, 2},
		"one of the same client through Teredo": {1, 0, addBoth("2001:0:4136:e378:0:1234:f5ff:fdfe", "2001:0:4136:e378:0:4321:f5ff:fdfe"), false, 1},
		"one that is an IPv4 one mapped":        {1, 0, addBoth("::ffff:192.0.2.1", "192.0.2.1"), false, 1},
		"connections without limits":            {0, 0, func(a *addressLimits) bool { a.add(peer); return a.add(samePeer) }, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := new(addressLimits)
			a.begin(c.maxConnections, c.maxHandshakes)
			if got := c.do(a); got != c.want {
				t.Errorf("got admitted %v, want %v", got, c.want)
			}
			if got := len(a.counts); got != c.counts {
				t.Errorf("got %d addresses counted, want %d", got, c.counts)
			}
		})
	}
}
