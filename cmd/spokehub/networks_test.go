package main

import (
	"fmt"
	"testing"
)

func TestNetworksOfAFlag(t *testing.T) {
	for name, c := range map[string]struct {
		texts []string
		want  string
	}{
		"none":                    {nil, "[]"},
		"networks":                {[]string{"10.0.0.0/8", "fd00::/8"}, "[10.0.0.0/8 fd00::/8]"},
		"addresses":               {[]string{"192.0.2.1", "2001:db8::1"}, "[192.0.2.1/32 2001:db8::1/128]"},
		"a name is refused":       {[]string{"proxy.example.com"}, "error"},
		"a long mask is refused":  {[]string{"10.0.0.0/33"}, "error"},
		"an empty one is refused": {[]string{""}, "error"},
		"a zone is refused":       {[]string{"fe80::1%eth0"}, "error"},
	} {
		t.Run(name, func(t *testing.T) {
			networks, err := parseNetworks(c.texts)
			got := fmt.Sprint(networks)
			if err != nil {
				got = "error"
			}
			if got != c.want {
				t.Errorf("got %s, %v; want %s", got, err, c.want)
			}
		})
	}
}
