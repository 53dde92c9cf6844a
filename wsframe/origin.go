package wsframe

import (
	"errors"
	"fmt"
	"strings"
)

// origin is a web origin in its parts, in lower case, without the port if it is the scheme's own (RFC 6454 section 4).
type origin struct {
	scheme string
	host   string
	port   string
}

// originPattern is one entry of PolicyConfig.Origins.
type originPattern struct {
	origin
	// subdomains is true if host stands for all its subdomains, but not for itself.
	subdomains bool
	anyPort    bool
}

var errOrigin = errors.New(`want scheme://host, scheme://host:port, scheme://*.host, "file://", "null" or "*"`)

// opaqueOrigin is what a sandboxed page sends.
const opaqueOrigin = "null"

// parseOriginPattern accepts what splitOrigin accepts, and "*" as the first label and as the port.
func parseOriginPattern(text string) (pattern originPattern, err error) {
	if text == opaqueOrigin {
		return originPattern{origin: origin{scheme: opaqueOrigin}}, nil
	}
	withoutPort, anyPort := strings.CutSuffix(text, ":*")
	scheme, host, ok := strings.Cut(withoutPort, "://")
	host, subdomains := strings.CutPrefix(host, "*.")
	hasNoHost := host == "" && (subdomains || anyPort)
	pattern = originPattern{subdomains: subdomains, anyPort: anyPort}
	if ok {
		pattern.origin, ok = splitOrigin(scheme + "://" + host)
	}
	if !ok || hasNoHost || strings.Contains(host, "*") || anyPort && pattern.port != "" {
		return pattern, fmt.Errorf("%q: %w", text, errOrigin)
	}
	return pattern, nil
}

func (p originPattern) matches(o origin) bool {
	if p.scheme != o.scheme || p.port != o.port && !p.anyPort {
		return false
	}
	if p.subdomains {
		sub, ok := strings.CutSuffix(o.host, p.host)
		return ok && len(sub) > 1 && sub[len(sub)-1] == '.'
	}
	return p.host == o.host
}

// splitOrigin parses the value of an Origin field. ok is false for what no browser sends: a path, user information, a list. Pages
// from files have no host in some browsers ("file://"). Some apps name the scheme of the socket instead of the page's.
func splitOrigin(text string) (o origin, ok bool) {
	if text == opaqueOrigin {
		return origin{scheme: opaqueOrigin}, true
	}
	scheme, authority, ok := strings.Cut(strings.ToLower(text), "://")
	if !ok || !isScheme(scheme) {
		return o, false
	}
	host, port, ok := splitAuthority(authority)
	switch scheme {
	case "ws":
		scheme = "http"
	case "wss":
		scheme = "https"
	}
	needsHost := scheme == "http" || scheme == "https" || port != ""
	if !ok || host == "" && needsHost {
		return o, false
	}
	return origin{scheme: scheme, host: host, port: explicitPort(scheme, port)}, true
}

func isScheme(scheme string) bool {
	if scheme == "" || scheme[0] < 'a' || scheme[0] > 'z' {
		return false
	}
	return !strings.ContainsFunc(scheme, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.')
	})
}

// splitAuthority splits a host with an optional port. An IPv6 address is in brackets.
func splitAuthority(authority string) (host, port string, ok bool) {
	if !consistsOf(authority, &hostChars) {
		return "", "", false
	}
	host = authority
	if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexByte(authority, ']') {
		host, port = authority[:colon], authority[colon+1:]
	}
	for i := range len(port) {
		if !isDigit(port[i]) {
			return "", "", false
		}
	}
	inBrackets := strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]")
	return host, port, inBrackets || !strings.ContainsAny(host, ":[]")
}

// explicitPort returns port, empty if it is the scheme's own.
func explicitPort(scheme, port string) string {
	if scheme == "http" && port == "80" || scheme == "https" && port == "443" {
		return ""
	}
	return port
}

// isSameHost reports whether an origin is on the host that the request was sent to. Behind a proxy that ends TLS the
// request's scheme may not be known, so the default port is that of the origin's scheme. Where it is known, a page without TLS,
// which anybody on its way can have changed, may not use what is behind TLS.
func isSameHost(o origin, r *Request) bool {
	if r.IsSecure && o.scheme == "http" {
		return false
	}
	name, port, ok := splitAuthority(strings.ToLower(string(r.Host)))
	return ok && name != "" && name == o.host && explicitPort(o.scheme, port) == o.port
}
