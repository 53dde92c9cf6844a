package wsframe

import (
	"slices"
	"strings"
)

// testKey and testAccept are the pair of RFC 6455 section 1.3.
const (
	testKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	testAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// headLines are the lines of a good handshake, in the order that browsers send them.
var headLines = []string{
	"GET /ws?room=1 HTTP/1.1",
	"Host: hub.example.com",
	"Connection: Upgrade",
	"Upgrade: websocket",
	"Sec-WebSocket-Version: 13",
	"Sec-WebSocket-Key: " + testKey,
}

// without returns headLines without those that begin with one of the prefixes.
func without(prefixes ...string) []string {
	return slices.DeleteFunc(slices.Clone(headLines), func(line string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(line, prefix) })
	})
}

func with(lines ...string) []string { return append(slices.Clone(headLines), lines...) }

func instead(prefix string, lines ...string) []string {
	if !strings.HasPrefix(headLines[0], prefix) {
		return append(without(prefix), lines...)
	}
	return append(slices.Clone(lines), headLines[1:]...)
}

func head(lines []string) []byte { return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n") }

// handshakeCase is a row of the table for both ways into a Policy. A want of 101 is acceptance. dropped marks a fault that
// net/http corrects, drops or leaves to its server before a handler sees the request.
type handshakeCase struct {
	name        string
	config      PolicyConfig
	head        []byte
	want        int
	subprotocol string
	dropped     bool
}

func handshakeCases() []handshakeCase {
	open := PolicyConfig{}
	only := func(origins ...string) PolicyConfig { return PolicyConfig{Origins: origins} }
	speaks := PolicyConfig{Subprotocols: []string{"v2.spoke", "v1.spoke"}}
	return []handshakeCase{
		{name: "a browser's handshake is accepted", head: head(with("Origin: https://hub.example.com", "User-Agent: x", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")), want: 101},
		{name: "a plain client's handshake is accepted", head: head(headLines), want: 101},
		{name: "names and tokens are case-insensitive", head: head([]string{"GET / HTTP/1.1", "hOST: x", "CONNECTION: uPGRADE", "upgrade: WebSocket", "sec-websocket-version: 13", "SEC-WEBSOCKET-KEY: " + testKey}), want: 101},
		{name: "Connection may be a list", head: head(instead("Connection", "Connection: keep-alive, Upgrade")), want: 101},
		{name: "Connection may come twice", head: head(with("Connection: keep-alive")), want: 101},
		{name: "Connection may have empty elements", head: head(instead("Connection", "Connection: , ,keep-alive,\tUpgrade ,")), want: 101},
		{name: "Upgrade may be a list", head: head(instead("Upgrade", "Upgrade: h2c, websocket")), want: 101},
		{name: "values may be padded with blanks and tabs", head: head(instead("Sec-WebSocket-Version", "Sec-WebSocket-Version: \t 13 \t")), want: 101},
		{name: "values need no blank before them", head: head(instead("Sec-WebSocket-Version", "Sec-WebSocket-Version:13")), want: 101},
		{name: "an absolute target names the host", head: head(instead("GET", "GET http://hub.example.com/ws HTTP/1.1")), want: 101},
		{name: "unknown fields don't matter", head: head(with("X-Empty:", "X-Twice: a", "X-Twice: b", "X-Latin: \xE4\tb")), want: 101},
		{name: "a declared empty body is none", head: head(with("Content-Length: 0")), want: 101},

		{name: "the policy's path is accepted", config: PolicyConfig{Path: "/ws"}, head: head(headLines), want: 101},
		{name: "another path isn't found", config: PolicyConfig{Path: "/w"}, head: head(headLines), want: 404},
		{name: "POST isn't allowed", head: head(instead("GET", "POST /ws HTTP/1.1")), want: 405},
		{name: "HEAD isn't allowed", head: head(instead("GET", "HEAD /ws HTTP/1.1")), want: 405},
		{name: "get isn't a method", head: head(instead("GET", "get /ws HTTP/1.1")), want: 405},
		{name: "HTTP/1.0 is too old", head: head(instead("GET", "GET /ws HTTP/1.0")), want: 505},
		{name: "HTTP/1.2 isn't known", head: head(instead("GET", "GET /ws HTTP/1.2")), want: 505},
		{name: "HTTP/2.0 isn't known", head: head(instead("GET", "GET /ws HTTP/2.0")), want: 505},
		{name: "HTTP/11 is malformed", head: head(instead("GET", "GET /ws HTTP/11")), want: 400},
		{name: "a missing version is malformed", head: head(instead("GET", "GET /ws")), want: 400},
		{name: "two blanks are malformed", head: head(instead("GET", "GET  /ws HTTP/1.1")), want: 400},
		{name: "a blank in the target is malformed", head: head(instead("GET", "GET /w s HTTP/1.1")), want: 400},
		{name: "a fragment in the target is malformed", head: head(instead("GET", "GET /ws#a HTTP/1.1")), want: 400, dropped: true},
		{name: "bytes beyond ASCII in the target are passed on", head: head(instead("GET", "GET /w\xFF?\xC3\xA4 HTTP/1.1")), want: 101},
		{name: "a DEL in the target is malformed", head: head(instead("GET", "GET /w\x7F HTTP/1.1")), want: 400},
		{name: "a tab in the target is malformed", head: head(instead("GET", "GET /w\ts HTTP/1.1")), want: 400},
		{name: "a target of another scheme is malformed", head: head(instead("GET", "GET ftp://x/ws HTTP/1.1")), want: 400},
		{name: "a target without a host is malformed", head: head(instead("GET", "GET http:///ws HTTP/1.1")), want: 400},
		{name: "an asterisk is no path", head: head(instead("GET", "GET * HTTP/1.1")), want: 400},

		{name: "a request that asks for no upgrade needs one", head: head(without("Connection", "Upgrade", "Sec-")), want: 426},
		{name: "Upgrade alone isn't enough", head: head(without("Connection")), want: 426},
		{name: "Connection alone isn't enough", head: head(without("Upgrade")), want: 426},
		{name: "another protocol isn't enough", head: head(instead("Upgrade", "Upgrade: h2c")), want: 426},
		{name: "a part of the word isn't enough", head: head(instead("Connection", "Connection: upgrades")), want: 426},
		{name: "a missing Sec-WebSocket-Version needs 13", head: head(without("Sec-WebSocket-Version")), want: 426},
		{name: "Sec-WebSocket-Version 8 needs 13", head: head(instead("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8")), want: 426},
		{name: "Sec-WebSocket-Version 13, 8 needs 13", head: head(instead("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13, 8")), want: 426},
		{name: "Sec-WebSocket-Version 013 needs 13", head: head(instead("Sec-WebSocket-Version", "Sec-WebSocket-Version: 013")), want: 426},

		{name: "a missing key is refused", head: head(without("Sec-WebSocket-Key")), want: 400},
		{name: "an empty key is refused", head: head(instead("Sec-WebSocket-Key", "Sec-WebSocket-Key:")), want: 400},
		{name: "a key of 15 bytes is refused", head: head(instead("Sec-WebSocket-Key", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA")), want: 400},
		{name: "a key of 17 bytes is refused", head: head(instead("Sec-WebSocket-Key", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA=")), want: 400},
		{name: "a key outside base64 is refused", head: head(instead("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j_Q==")), want: 400},
		{name: "a key padded in the middle is refused", head: head(instead("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=A")), want: 400},
		{name: "two keys are refused", head: head(with("Sec-WebSocket-Key: " + testKey)), want: 400},
		{name: "two versions are refused", head: head(with("Sec-WebSocket-Version: 13")), want: 400},
		{name: "two hosts are refused", head: head(with("host: hub.example.com")), want: 400},
		{name: "two origins are refused", head: head(with("Origin: https://hub.example.com", "Origin: https://hub.example.com")), want: 400},
		{name: "a missing host is refused", head: head(without("Host")), want: 400},
		{name: "an empty host is refused", head: head(instead("Host", "Host:")), want: 400},
		{name: "a host with a path is refused", head: head(instead("Host", "Host: a/b")), want: 400},
		{name: "a host with user information is refused", head: head(instead("Host", "Host: a@b")), want: 400},

		{name: "a body is refused", head: head(with("Content-Length: 1")), want: 400},
		{name: "a chunked body is refused", head: head(with("Transfer-Encoding: chunked")), want: 400},
		{name: "two lengths are refused", head: head(with("Content-Length: 0", "Content-Length: 0")), want: 400, dropped: true},
		{name: "a length and a transfer coding are refused", head: head(with("Content-Length: 0", "Transfer-Encoding: chunked")), want: 400},
		{name: "a length that is no number is refused", head: head(with("Content-Length: +1")), want: 400},
		{name: "an empty length is refused", head: head(with("Content-Length:")), want: 400},

		{name: "a blank before the colon is refused", head: head(with("X-A : b")), want: 400, dropped: true},
		{name: "a blank in a name is refused", head: head(with("X A: b")), want: 400, dropped: true},
		{name: "a name with a bracket is refused", head: head(with("X(A): b")), want: 400},
		{name: "an empty name is refused", head: head(with(": b")), want: 400},
		{name: "a line without a colon is refused", head: head(with("X-A")), want: 400},
		{name: "a folded line is refused", head: head(with("X-A: b", " c")), want: 400, dropped: true},
		{name: "a line folded with a tab is refused", head: head(with("X-A: b", "\tc")), want: 400, dropped: true},
		{name: "a fold behind the request line is refused", head: head(slices.Insert(slices.Clone(headLines), 1, " X-A: b")), want: 400, dropped: true},
		{name: "a NUL in a value is refused", head: head(with("X-A: b\x00c")), want: 400},
		{name: "a DEL in a value is refused", head: head(with("X-A: some longer value \x7F of it")), want: 400},
		{name: "an escape in a long value is refused", head: head(with("X-A: some longer value \x1B[31m of it")), want: 400},

		{name: "the first known subprotocol of the client is chosen", config: speaks, head: head(with("Sec-WebSocket-Protocol: v9, v1.spoke, v2.spoke")), want: 101, subprotocol: "v1.spoke"},
		{name: "subprotocols may come on several lines", config: speaks, head: head(with("Sec-WebSocket-Protocol: v9", "X-A: b", "Sec-WebSocket-Protocol: v2.spoke")), want: 101, subprotocol: "v2.spoke"},
		{name: "subprotocols are case-sensitive", config: speaks, head: head(with("Sec-WebSocket-Protocol: V1.SPOKE")), want: 101},
		{name: "no common subprotocol is none", config: speaks, head: head(with("Sec-WebSocket-Protocol: mqtt")), want: 101},
		{name: "a policy without subprotocols chooses none", head: head(with("Sec-WebSocket-Protocol: mqtt")), want: 101},
		{name: "a subprotocol that is no token is refused", config: speaks, head: head(with("Sec-WebSocket-Protocol: v1.spoke, a b")), want: 400},
		{name: "a subprotocol offered twice is refused", config: speaks, head: head(with("Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Protocol: a")), want: 400},
		{name: "an empty field is no offer", config: speaks, head: head(with("Sec-WebSocket-Protocol: ")), want: 101},
		{name: "an empty offer is refused", config: speaks, head: head(with("Sec-WebSocket-Protocol: ,")), want: 400},
		{name: "33 offers are refused", config: speaks, head: head(with("Sec-WebSocket-Protocol: " + manyTokens(33))), want: 400},
		{name: "32 offers are accepted", config: speaks, head: head(with("Sec-WebSocket-Protocol: " + manyTokens(31) + ", v2.spoke")), want: 101, subprotocol: "v2.spoke"},

		{name: "the same host is accepted whatever its case", config: open, head: head(with("Origin: https://HUB.Example.com")), want: 101},
		{name: "the same host over http is accepted", config: open, head: head(with("Origin: http://hub.example.com")), want: 101},
		{name: "the origin's default port is the host's", config: open, head: head(append(instead("Host", "Host: hub.example.com:443"), "Origin: https://hub.example.com")), want: 101},
		{name: "an explicit default port is the same", config: open, head: head(with("Origin: http://hub.example.com:80")), want: 101},
		{name: "the same port is accepted", config: open, head: head(append(instead("Host", "Host: [::1]:8080"), "Origin: http://[::1]:8080")), want: 101},
		{name: "an IPv6 host without a port is accepted", config: open, head: head(append(instead("Host", "Host: [::1]"), "Origin: http://[::1]:80")), want: 101},
		{name: "another port is forbidden", config: open, head: head(with("Origin: https://hub.example.com:8443")), want: 403},
		{name: "the other scheme's default port is forbidden", config: open, head: head(append(instead("Host", "Host: hub.example.com:443"), "Origin: http://hub.example.com")), want: 403},
		{name: "another host is forbidden", config: open, head: head(with("Origin: https://evil.example.com")), want: 403},
		{name: "a host that only begins alike is forbidden", config: open, head: head(with("Origin: https://hub.example.com.evil.net")), want: 403},
		{name: "a subdomain is forbidden", config: open, head: head(with("Origin: https://a.hub.example.com")), want: 403},
		{name: "an opaque origin is forbidden", config: open, head: head(with("Origin: null")), want: 403},
		{name: "an empty origin is forbidden", config: open, head: head(with("Origin:")), want: 403},
		{name: "an origin with a path is forbidden", config: open, head: head(with("Origin: https://hub.example.com/")), want: 403},
		{name: "an origin with user information is forbidden", config: open, head: head(with("Origin: https://hub.example.com@evil.net")), want: 403},
		{name: "two origins in one value are forbidden", config: open, head: head(with("Origin: https://hub.example.com https://evil.net")), want: 403},
		{name: "an origin without a scheme is forbidden", config: open, head: head(with("Origin: hub.example.com")), want: 403},

		{name: "a listed origin is accepted", config: only("https://app.example.com"), head: head(with("Origin: https://app.example.com")), want: 101},
		{name: "a list stands instead of the same host", config: only("https://app.example.com"), head: head(with("Origin: https://hub.example.com")), want: 403},
		{name: "a listed origin of another scheme is forbidden", config: only("https://app.example.com"), head: head(with("Origin: http://app.example.com")), want: 403},
		{name: "a list doesn't touch clients without an origin", config: only("https://app.example.com"), head: head(headLines), want: 101},
		{name: "a wildcard accepts a subdomain", config: only("https://*.example.com"), head: head(with("Origin: https://a.example.com")), want: 101},
		{name: "a wildcard accepts a deep subdomain", config: only("https://*.example.com"), head: head(with("Origin: https://a.b.example.com:443")), want: 101},
		{name: "a wildcard forbids the domain itself", config: only("https://*.example.com"), head: head(with("Origin: https://example.com")), want: 403},
		{name: "a wildcard forbids a lookalike", config: only("https://*.example.com"), head: head(with("Origin: https://evilexample.com")), want: 403},
		{name: "a wildcard forbids an empty label", config: only("https://*.example.com"), head: head(with("Origin: https://.example.com")), want: 403},
		{name: "any port is accepted where it may be any", config: only("http://localhost:*"), head: head(with("Origin: http://localhost:5173")), want: 101},
		{name: "the second entry counts too", config: only("https://a.net", "https://*.b.net:8443"), head: head(with("Origin: https://x.b.net:8443")), want: 101},
		{name: "an opaque origin is accepted by choice", config: only("null"), head: head(with("Origin: null")), want: 101},
		{name: "an extension's origin is accepted by choice", config: only("chrome-extension://abcdef"), head: head(with("Origin: chrome-extension://abcdef")), want: 101},
		{name: "a page from a file is forbidden", config: open, head: head(with("Origin: file://")), want: 403},
		{name: "a page from a file is accepted by choice", config: only("file://"), head: head(with("Origin: file://")), want: 101},
		{name: "a page from a file isn't an opaque origin", config: only("null"), head: head(with("Origin: file://")), want: 403},
		{name: "another page without a host isn't one from a file", config: only("file://"), head: head(with("Origin: content://")), want: 403},
		{name: "an origin of https without a host is forbidden", config: only("file://"), head: head(with("Origin: https://")), want: 403},
		{name: "a file with a path is forbidden", config: only("file://"), head: head(with("Origin: file:///tmp/x.html")), want: 403},
		{name: "an app's origin is accepted by choice", config: only("capacitor://localhost", "app://."), head: head(with("Origin: app://.")), want: 101},
		{name: "the scheme of the socket stands for the page's", config: open, head: head(append(instead("Host", "Host: hub.example.com:443"), "Origin: wss://hub.example.com")), want: 101},
		{name: "the scheme of the socket stands for a listed page's", config: only("http://a.net:8080"), head: head(with("Origin: ws://a.net:8080")), want: 101},
		{name: "the scheme of the socket opens no other host", config: open, head: head(with("Origin: wss://evil.net")), want: 403},
		{name: "any origin is accepted by choice", config: only("*"), head: head(with("Origin: https://evil.net")), want: 101},
	}
}

func manyTokens(n int) string {
	return strings.Join(slices.Collect(func(yield func(string) bool) {
		for i := range n {
			if !yield("t" + strings.Repeat("x", i)) {
				return
			}
		}
	}), ", ")
}
