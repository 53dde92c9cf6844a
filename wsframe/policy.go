package wsframe

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// PolicyConfig says which handshakes are accepted. It is passed by value; the zero value accepts any path, the same host for
// browsers, and no subprotocol.
type PolicyConfig struct {
	// Path is the only path that is answered, undecoded, such as "/ws". Empty means any: the caller has routed already.
	Path string
	// Origins are the web origins whose pages may connect: "https://app.example.com", with a port if it isn't the scheme's own
	// (":*" is any port); "https://*.example.com" for all subdomains but not the domain itself; "null" for sandboxed pages; "*"
	// for any page. Empty means the host that the request was sent to, whatever the scheme, except that a page that came without TLS
	// is on another host than a request with Request.IsSecure. A list replaces that host, so it
	// also protects against DNS rebinding. Clients that send no Origin aren't browsers and are always accepted.
	Origins []string
	// Subprotocols are the subprotocols that the server speaks, case-sensitive. The first of the client's list that is among
	// them is chosen. If there is none, the connection has no subprotocol.
	Subprotocols []string
	// Hosts are the names under which the server may be addressed, without a port: "hub.example.com"; "*.example.com" for all
	// subdomains but not the domain itself; "*" for any. Addresses and localhost always pass. Empty means any name. A list
	// protects against DNS rebinding: a page whose owner lets the name of the site mean this machine is refused with 421.
	Hosts []string
	// MaxHead is the length of the longest request head that FindHead accepts, in bytes, from 1 KiB to 1 MiB. The number of lines is
	// limited to 100, or to one for each 256 bytes if that is more. 0 means DefaultMaxHead.
	MaxHead int
}

// Policy is a checked and compiled PolicyConfig. It never changes and is safe for concurrent use. The zero value is the policy
// of the zero configuration.
type Policy struct {
	path    string
	origins []originPattern
	// anyOrigin is true if "*" is among the origins.
	anyOrigin    bool
	subprotocols []string
	hosts        []string
	// heads is nil for the defaults.
	heads *headLimits
}

var (
	errPath        = errors.New("want a path that begins with / and has neither query nor fragment nor spaces")
	errSubprotocol = errors.New("want a token, each only once")
)

// NewPolicy checks and compiles a configuration. An error begins with the name of the bad field.
func NewPolicy(c PolicyConfig) (*Policy, error) {
	p := &Policy{path: c.Path, subprotocols: slices.Clone(c.Subprotocols), hosts: slices.Clone(c.Hosts)}
	isOutside := func(r rune) bool { return r <= ' ' || r >= 0x7F || r == '?' || r == '#' }
	if c.Path != "" && (c.Path[0] != '/' || strings.ContainsFunc(c.Path, isOutside)) {
		return nil, fmt.Errorf("Path: %q: %w", c.Path, errPath)
	}
	for _, text := range c.Origins {
		if text == "*" {
			p.anyOrigin = true
			continue
		}
		pattern, err := parseOriginPattern(text)
		if err != nil {
			return nil, fmt.Errorf("Origins: %w", err)
		}
		p.origins = append(p.origins, pattern)
	}
	for i, name := range c.Subprotocols {
		if !isToken(name) || slices.Contains(c.Subprotocols[:i], name) {
			return nil, fmt.Errorf("Subprotocols: %q: %w", name, errSubprotocol)
		}
	}
	for _, name := range c.Hosts {
		if err := checkHost(name); err != nil {
			return nil, fmt.Errorf("Hosts: %w", err)
		}
	}
	if c.MaxHead != 0 {
		if c.MaxHead < minMaxHead || c.MaxHead > maxMaxHead {
			return nil, fmt.Errorf("MaxHead: %d is not between %d and %d", c.MaxHead, minMaxHead, maxMaxHead)
		}
		p.heads = newHeadLimits(c.MaxHead)
	}
	return p, nil
}

// Upgrade decides on a handshake (RFC 6455 section 4.2). If it accepts, it appends the 101 response to dst and returns the extended
// slice and the subprotocol, empty if there is none. What the client sent after the head is its first frames then. If it
// refuses, it returns dst unchanged and the refusal. It allocates only to grow dst, to compare an Origin that is long or has
// capital letters, or to compare a Host that is long or an address with Hosts.
func (p *Policy) Upgrade(r *Request, dst []byte) (response []byte, subprotocol string, refusal *Refusal) {
	switch {
	case p.path != "" && string(r.Path) != p.path:
		return dst, "", refusalPath
	case string(r.Method) != "GET":
		return dst, "", refusalMethod
	case !r.head.http11:
		return dst, "", refusalHTTPVersion
	case !r.IsUpgrade:
		return dst, "", refusalNoUpgrade
	case r.head.body:
		return dst, "", refusalBody
	case r.Path[0] != '/':
		return dst, "", refusalTarget
	case len(r.Host) == 0:
		return dst, "", refusalHost
	case string(r.head.version) != "13":
		return dst, "", refusalVersion
	case !isKey(r.head.key):
		return dst, "", refusalKey
	case len(p.hosts) > 0 && !HostAllowed(r.Host, p.hosts):
		return dst, "", refusalMisdirected
	case r.head.seen&fieldOrigin != 0 && !p.allowsOrigin(r):
		return dst, "", refusalOrigin
	}
	if r.head.seen&fieldProtocol != 0 {
		subprotocol, refusal = p.negotiate(r)
		if refusal != nil {
			return dst, "", refusal
		}
	}
	return appendAccepted(dst, r.head.key, subprotocol), subprotocol, nil
}

// isKey reports whether a key decodes to 16 bytes: 22 characters and two of padding. Like most decoders, it ignores the unused
// bits of the last character (RFC 4648 section 3.5).
func isKey(key []byte) bool {
	return len(key) == 24 && key[22] == '=' && key[23] == '=' && consistsOf(key[:22], &base64Chars)
}

// AllowsAnyOrigin reports whether the pages of all sites may connect, so that nothing keeps one from acting for its visitor.
func (p *Policy) AllowsAnyOrigin() bool { return p.anyOrigin }

func (p *Policy) allowsOrigin(r *Request) bool {
	if p.anyOrigin {
		return true
	}
	o, ok := splitOrigin(string(r.Origin))
	if !ok {
		return false
	}
	if len(p.origins) == 0 {
		return isSameHost(o, r)
	}
	for _, pattern := range p.origins {
		if pattern.matches(o) {
			return true
		}
	}
	return false
}

// maxSubprotocols is how many subprotocols a client may offer. Each is compared with all before it.
const maxSubprotocols = 32

// negotiate picks the first of the client's subprotocols that the policy has. The offers must be tokens without duplicates, on
// one line or several (RFC 6455 section 11.3.4). An empty field, which some clients send for no subprotocols, is no offer.
func (p *Policy) negotiate(r *Request) (subprotocol string, refusal *Refusal) {
	var offers [maxSubprotocols][]byte
	count, isEmpty := 0, true
	for line, rest, _ := cutLine(r.head.fields); len(line) > 0; line, rest, _ = cutLine(rest) {
		colon := bytes.IndexByte(line, ':')
		if fieldNamed(line[:colon]) != fieldProtocol {
			continue
		}
		isEmpty = isEmpty && len(trim(line[colon+1:])) == 0
		for offer := range elements(line[colon+1:]) {
			isSame := func(earlier []byte) bool { return bytes.Equal(earlier, offer) }
			if count == maxSubprotocols || !isToken(offer) || slices.ContainsFunc(offers[:count], isSame) {
				return "", refusalProtocols
			}
			offers[count] = offer
			count++
			if i := slices.Index(p.subprotocols, string(offer)); i >= 0 && subprotocol == "" {
				subprotocol = p.subprotocols[i]
			}
		}
	}
	if count == 0 && !isEmpty {
		return "", refusalProtocols
	}
	return subprotocol, nil
}

const (
	acceptedHead = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
	acceptSalt   = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
)

func appendAccepted(dst, key []byte, subprotocol string) []byte {
	var salted [24 + len(acceptSalt)]byte
	copy(salted[copy(salted[:], key):], acceptSalt)
	digest := sha1.Sum(salted[:])
	dst = append(dst, acceptedHead...)
	dst = base64.StdEncoding.AppendEncode(dst, digest[:])
	if subprotocol != "" {
		dst = append(dst, "\r\nSec-WebSocket-Protocol: "...)
		dst = append(dst, subprotocol...)
	}
	return append(dst, "\r\n\r\n"...)
}
