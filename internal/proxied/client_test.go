package proxied

import (
	"net/netip"
	"strings"
	"testing"
)

// networksOf are the trusted networks of these tests.
func networksOf(t testing.TB, texts ...string) Networks {
	t.Helper()
	var prefixes []netip.Prefix
	for _, text := range texts {
		prefixes = append(prefixes, netip.MustParsePrefix(text))
	}
	n, err := NewNetworks(prefixes)
	if err != nil {
		t.Fatalf("networks %q: %v", texts, err)
	}
	return n
}

// lines splits a case's text at "|" into header lines.
func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "|")
}

const peer = "10.0.0.1:7000"

// clientCase is a set of fields and what follows from them.
type clientCase struct {
	listed, forwarded, proto, host string
	want                           Client
}

func told(addr string) Client { return Client{Addr: netip.MustParseAddrPort(addr)} }

func ignored() Client { return Client{Addr: netip.MustParseAddrPort(peer), IsIgnored: true} }

func (c Client) withHost(host string) Client { c.Host = host; return c }

func (c Client) secure() Client { c.IsSecure = true; return c }

func (c Client) partly() Client { c.IsIgnored = true; return c }

func clientCases() map[string]clientCase {
	return map[string]clientCase{
		"nothing is told":                           {"", "", "", "", told(peer)},
		"one address":                               {"192.0.2.1", "", "", "", told("192.0.2.1:0")},
		"an address with a port":                    {"192.0.2.1:4711", "", "", "", told("192.0.2.1:4711")},
		"a bare IPv6 address":                       {"2001:db8::1", "", "", "", told("[2001:db8::1]:0")},
		"an IPv6 address in brackets":               {"[2001:db8::1]", "", "", "", told("[2001:db8::1]:0")},
		"an IPv6 address with a port":               {"[2001:db8::1]:80", "", "", "", told("[2001:db8::1]:80")},
		"a quoted address":                          {`"[2001:db8::1]:80"`, "", "", "", told("[2001:db8::1]:80")},
		"an IPv4 address mapped to IPv6":            {"::ffff:192.0.2.1", "", "", "", told("192.0.2.1:0")},
		"what a client wrote ahead is not believed": {"198.51.100.9, 192.0.2.1", "", "", "", told("192.0.2.1:0")},
		"rubbish that a client wrote ahead":         {"<script>, 192.0.2.1", "", "", "", told("192.0.2.1:0")},
		"an open quote that a client wrote ahead":   {`"x, 192.0.2.1`, "", "", "", told("192.0.2.1:0")},
		"trusted hops are skipped":                  {"198.51.100.9, 192.0.2.1, 10.0.0.3, 10.0.0.2", "", "", "", told("192.0.2.1:0")},
		"a mapped trusted hop is skipped":           {"192.0.2.1, ::ffff:10.0.0.2", "", "", "", told("192.0.2.1:0")},
		"only trusted hops":                         {"10.0.0.3, 10.0.0.2", "", "", "", told("10.0.0.3:0")},
		"several lines are joined in order":         {"198.51.100.9|192.0.2.1, 10.0.0.2|10.0.0.3", "", "", "", told("192.0.2.1:0")},
		"empty elements are none":                   {" ,, 192.0.2.1 ,|,", "", "", "", told("192.0.2.1:0")},
		"an unknown client":                         {"unknown", "", "", "", told(peer)},
		"an unknown client behind a hop":            {"192.0.2.1, unknown, 10.0.0.2", "", "", "", told("10.0.0.2:0")},
		"a client on a Unix socket of nginx":        {"192.0.2.1, unix:", "", "", "", told(peer)},
		"a malformed address":                       {"192.0.2.1, 192.0.2.256", "", "", "", ignored()},
		"a name":                                    {"client.example.com", "", "", "", ignored()},
		"a zone":                                    {"fe80::1%eth0", "", "", "", ignored()},
		"a port without a number":                   {"192.0.2.1:", "", "", "", ignored()},
		"a port that is too high":                   {"192.0.2.1:65536", "", "", "", ignored()},
		"half a bracket":                            {"[2001:db8::1", "", "", "", ignored()},
		"an unspecified address":                    {"0.0.0.0", "", "", "", ignored()},

		"the standard field":                     {"", "for=192.0.2.1", "", "", told("192.0.2.1:0")},
		"its names in any case":                  {"", "FOR=192.0.2.1;Proto=HTTPS", "", "", told("192.0.2.1:0").secure()},
		"it with a quoted address":               {"", `for="[2001:db8::1]:47"`, "", "", told("[2001:db8::1]:47")},
		"it with escapes":                        {"", `for="192.0.\2.1"`, "", "", told("192.0.2.1:0")},
		"it with all that there is":              {"", "for=192.0.2.1;host=a.example;proto=https;by=10.0.0.1;ext=1", "", "", told("192.0.2.1:0").withHost("a.example").secure()},
		"it with hops":                           {"", "for=198.51.100.9, for=192.0.2.1;host=a.example, for=10.0.0.2", "", "", told("192.0.2.1:0").withHost("a.example")},
		"it over several lines":                  {"", "for=198.51.100.9|for=192.0.2.1|for=10.0.0.2", "", "", told("192.0.2.1:0")},
		"it with an open quote ahead":            {"", `for="x, for=192.0.2.1`, "", "", told("192.0.2.1:0")},
		"it with a quoted comma":                 {"", `for=192.0.2.1;ext="a,b"`, "", "", told("192.0.2.1:0")},
		"it with a quoted quote":                 {"", `for=192.0.2.1;ext="a\",b"`, "", "", told("192.0.2.1:0")},
		"it with a hidden client":                {"", "for=_gazonk", "", "", told(peer)},
		"it with a hidden port":                  {"", `for="192.0.2.1:_p"`, "", "", told("192.0.2.1:0")},
		"it with an unknown client":              {"", "for=unknown;proto=https", "", "", told(peer).secure()},
		"it with a name twice":                   {"", "for=192.0.2.1;for=192.0.2.2", "", "", ignored()},
		"it without a value":                     {"", "for=", "", "", ignored()},
		"it without a name":                      {"", "=192.0.2.1", "", "", ignored()},
		"it with an open quote":                  {"", `for="192.0.2.1`, "", "", ignored()},
		"it with something behind a quote":       {"", `for="192.0.2.1"x`, "", "", ignored()},
		"both fields with the same client":       {"192.0.2.1", "for=192.0.2.1", "", "", told("192.0.2.1:0")},
		"both fields with different clients":     {"192.0.2.1", "for=198.51.100.9", "", "", ignored()},
		"a malformed one beside a good one":      {"192.0.2.1", "for=", "", "", ignored()},
		"a standard field that names no address": {"192.0.2.1", "proto=https", "", "", told("192.0.2.1:0").secure()},

		"host and scheme":                            {"192.0.2.1", "", "https", "a.example:8443", told("192.0.2.1:0").withHost("a.example:8443").secure()},
		"a WebSocket scheme":                         {"192.0.2.1", "", "wss", "", told("192.0.2.1:0").secure()},
		"a plain scheme":                             {"192.0.2.1", "", "http", "", told("192.0.2.1:0")},
		"the host beside the client's address":       {"198.51.100.9, 192.0.2.1, 10.0.0.2", "", "", "x.example, a.example, b.example", told("192.0.2.1:0").withHost("a.example")},
		"the last host of a list of another length":  {"192.0.2.1", "", "", "x.example, a.example", told("192.0.2.1:0").withHost("a.example")},
		"a host without an address":                  {"", "", "", "a.example", told(peer).withHost("a.example")},
		"a host that is none":                        {"192.0.2.1", "", "", "a.example/x", told("192.0.2.1:0").partly()},
		"a scheme that is none":                      {"192.0.2.1", "", "gopher", "", told("192.0.2.1:0").partly()},
		"a host that is far too long":                {"192.0.2.1", "", "", strings.Repeat("a", 300), told("192.0.2.1:0").partly()},
		"the host of the field that proxies set":     {"192.0.2.1", "for=192.0.2.1;host=x.example", "", "a.example", told("192.0.2.1:0").withHost("a.example")},
		"what the inner proxy says if the outer not": {"", "for=192.0.2.1, for=10.0.0.2;host=a.example;proto=https", "", "", told("192.0.2.1:0").withHost("a.example").secure()},
	}
}

func TestTheClientBehindProxies(t *testing.T) {
	n := networksOf(t, "10.0.0.0/8")
	for name, c := range clientCases() {
		t.Run(name, func(t *testing.T) {
			got := n.ClientBehind(netip.MustParseAddrPort(peer), &Fields{lines(c.listed), lines(c.proto), lines(c.host), lines(c.forwarded)})
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestTrustedNetworks(t *testing.T) {
	n := networksOf(t, "10.1.2.3/8", "::ffff:192.0.2.0/120", "fd00::/8", "2001:db8::7/128")
	for ip, want := range map[string]bool{
		"10.255.0.1": true, "::ffff:10.0.0.1": true, "192.0.2.255": true, "192.0.3.0": false, "fd12::1": true, "fd12::1%eth0": true,
		"2001:db8::7": true, "2001:db8::8": false, "11.0.0.1": false,
	} {
		if got := n.Contain(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: got %v, want %v", ip, got, want)
		}
	}
	if _, err := NewNetworks([]netip.Prefix{{}}); err == nil {
		t.Error("got no error for an invalid network, want one")
	}
	if n, _ := NewNetworks(nil); n.Any() || n.Contain(netip.MustParseAddr("127.0.0.1")) {
		t.Error("got an address trusted without networks, want none")
	}
}

// FuzzForwarded checks that no client can be taken for another by what it writes ahead of what a proxy appends.
func FuzzForwarded(f *testing.F) {
	for _, c := range clientCases() {
		f.Add(c.listed, c.proto, c.host)
		f.Add(c.forwarded, c.proto, c.host)
	}
	f.Fuzz(func(t *testing.T, forged, proto, host string) {
		n := networksOf(t, "10.0.0.0/8")
		from := netip.MustParseAddrPort(peer)
		want := netip.MustParseAddrPort("192.0.2.1:0")
		for _, fields := range []Fields{
			{For: append(lines(forged), "192.0.2.1")},
			{For: []string{forged + ", 192.0.2.1"}},
			{Forwarded: append(lines(forged), "for=192.0.2.1;proto=http")},
			{Forwarded: []string{forged + ", for=192.0.2.1;proto=http"}},
		} {
			fields.Proto, fields.Host = lines(proto), lines(host)
			if got := n.ClientBehind(from, &fields); got.Addr != want {
				t.Fatalf("%q: got %v, want %v", fields, got, want)
			}
		}
		for _, fields := range []Fields{{For: []string{forged}}, {Forwarded: []string{forged}}} {
			got := n.ClientBehind(from, &fields)
			if !isHost(got.Host) {
				t.Fatalf("%q: got host %q, want one that is a host", fields, got.Host)
			}
		}
	})
}
