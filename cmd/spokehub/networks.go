package main

import (
	"fmt"
	"net/netip"
)

// parseNetworks reads networks such as 10.0.0.0/8, and single addresses.
func parseNetworks(texts []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			ip, errAddr := netip.ParseAddr(text)
			if errAddr != nil || ip.Zone() != "" {
				return nil, fmt.Errorf("%q is neither a network, such as 10.0.0.0/8 or fd00::/8, nor an address", text)
			}
			network = netip.PrefixFrom(ip, ip.BitLen())
		}
		networks = append(networks, network)
	}
	return networks, nil
}
