package wsframe

import "testing"

func TestHostAllowed(t *testing.T) {
	for _, c := range []struct {
		name  string
		hosts []string
		host  string
		want  bool
	}{
		{"an IPv4 address", nil, "192.0.2.1", true},
		{"an IPv4 address with a port", nil, "192.0.2.1:8080", true},
		{"an IPv6 address", nil, "[2001:db8::1]", true},
		{"an IPv6 address with a port", nil, "[::1]:8080", true},
		{"an IPv6 address without brackets", nil, "::1", false},
		{"an IPv4 address in brackets", nil, "[192.0.2.1]", false},
		{"an IPv6 address with a zone", nil, "[fe80::1%25eth0]:8080", true},
		{"an IPv6 address with half its brackets and a port", nil, "[::1:8080", false},
		{"an IPv6 address with half its brackets", []string{"*"}, "::1]", false},
		{"a name in brackets", nil, "[evil.example]", false},
		{"an IPv4 address with a dot", nil, "127.0.0.1.", true},
		{"localhost", nil, "localhost", true},
		{"localhost with a port", nil, "localhost:8080", true},
		{"localhost in capitals with a dot", nil, "LocalHost.:80", true},
		{"a subdomain of localhost", nil, "Hub.LOCALHOST:1", true},
		{"a name that ends alike", nil, "evillocalhost", false},
		{"a subdomain without a label", nil, ".localhost", false},
		{"localhost of a stranger", nil, "localhost.evil.example", false},
		{"a name with an address in it", nil, "127.0.0.1.evil.example", false},
		{"half an address", nil, "127.1", false},
		{"a number", nil, "2130706433", false},
		{"a stranger", nil, "evil.example", false},
		{"a stranger with a port", []string{"hub.example.com"}, "evil.example:8080", false},
		{"a listed name", []string{"a.net", "hub.example.com"}, "hub.example.com", true},
		{"a listed name in capitals", []string{"Hub.example.com"}, "hUB.EXAMPLE.COM:443", true},
		{"a listed name with a dot", []string{"hub.example.com"}, "hub.example.com.", true},
		{"a name listed with a dot", []string{"hub.example.com."}, "hub.example.com:80", true},
		{"a subdomain of a listed name", []string{"hub.example.com"}, "a.hub.example.com", false},
		{"a subdomain of a wildcard", []string{"*.example.com"}, "a.B.example.com:1", true},
		{"the domain of a wildcard", []string{"*.example.com"}, "example.com", false},
		{"a lookalike of a wildcard", []string{"*.example.com"}, "evilexample.com", false},
		{"any name", []string{"*"}, "evil.example", true},
		{"a name with an underscore", []string{"my_hub.lan"}, "MY_HUB.lan", true},
		{"nothing", []string{"*"}, "", false},
		{"only a port", []string{"*"}, ":80", false},
		{"a port that is no number", []string{"*"}, "a:b", false},
		{"user information", []string{"*"}, "a@b", false},
		{"two ports", []string{"*"}, "a:1:2", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := HostAllowed(c.host, c.hosts); got != c.want {
				t.Errorf("got %v for %q of %q, want %v", got, c.host, c.hosts, c.want)
			}
			if got := HostAllowed([]byte(c.host), c.hosts); got != c.want {
				t.Errorf("bytes: got %v for %q of %q, want %v", got, c.host, c.hosts, c.want)
			}
		})
	}
}

func TestUpgradeRefusesNamesThatAreNotItsOwn(t *testing.T) {
	for _, c := range []struct {
		name  string
		hosts []string
		lines []string
		want  int
	}{
		{"a listed name", []string{"hub.example.com"}, headLines, 101},
		{"an address", []string{"hub.example.com"}, instead("Host", "Host: 127.0.0.1:8080"), 101},
		{"any name without a list", nil, instead("Host", "Host: evil.example"), 101},
		{"a rebound name with the same origin", []string{"hub.example.com"}, append(instead("Host", "Host: evil.example:8080"), "Origin: http://evil.example:8080"), 421},
		{"a rebound name without an origin", []string{"hub.example.com"}, instead("Host", "Host: evil.example"), 421},
		{"the name of an absolute target", []string{"hub.example.com"}, instead("GET", "GET ws://evil.example/ws HTTP/1.1"), 421},
		{"a foreign origin at a listed name", []string{"hub.example.com"}, with("Origin: https://evil.example"), 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := 101
			if _, _, refusal := upgrade(compile(t, PolicyConfig{Hosts: c.hosts}), head(c.lines)); refusal != nil {
				got = refusal.Status
			}
			if got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
