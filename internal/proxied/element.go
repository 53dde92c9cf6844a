package proxied

import (
	"iter"
	"net/netip"
	"strings"
)

// fromEnd yields the elements of a comma-separated list over several lines from the last to the first, trimmed, without empty ones. A
// comma in a quoted string separates nothing. Reading from the end, whatever a client wrote at the beginning can't swallow what a
// proxy appended.
func fromEnd(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := len(lines) - 1; i >= 0; i-- {
			for rest := lines[i]; rest != ""; {
				at := lastComma(rest)
				element := strings.Trim(rest[at+1:], " \t")
				if element != "" && !yield(element) {
					return
				}
				rest = rest[:max(at, 0)]
			}
		}
	}
}

// lastComma is where the last comma outside quotes stands, -1 if there is none.
func lastComma(text string) int {
	isQuoted := false
	for i := len(text) - 1; i >= 0; i-- {
		switch {
		case text[i] == '"' && !isEscaped(text, i):
			isQuoted = !isQuoted
		case text[i] == ',' && !isQuoted:
			return i
		}
	}
	return -1
}

// isEscaped says whether an odd number of backslashes stands ahead of a character.
func isEscaped(text string, at int) bool {
	return (at-len(strings.TrimRight(text[:at], `\`)))%2 == 1
}

// element is one of Forwarded: what one proxy tells.
type element struct {
	node, host, proto string
}

// parseElement reads one: pairs of a token and a token or quoted string. Parameters that it doesn't know are skipped, none may come
// twice (RFC 7239 section 4).
func parseElement(text string) (e element, ok bool) {
	seen := ""
	for text != "" {
		name, rest, found := strings.Cut(text, "=")
		name = strings.ToLower(strings.Trim(name, " \t"))
		value, rest, isWhole := cutValue(rest)
		if !found || !isWhole || !isToken(name) || strings.Contains(seen, ";"+name+";") {
			return element{}, false
		}
		seen += ";" + name + ";"
		switch name {
		case "for":
			e.node = value
		case "host":
			e.host = value
		case "proto":
			e.proto = value
		}
		text = strings.Trim(rest, " \t")
	}
	return e, true
}

// cutValue splits off a value and the semicolon behind it. RFC 7239 wants quotes around an address with a colon; many proxies leave
// them out.
func cutValue(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		value, rest, _ = strings.Cut(text, ";")
		value = strings.TrimRight(value, " \t")
		return value, rest, value != "" && !strings.ContainsAny(value, "\"\\ \t")
	}
	var plain strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			rest = strings.TrimLeft(text[i+1:], " \t")
			isEnd := rest == "" || rest[0] == ';'
			return plain.String(), strings.TrimPrefix(rest, ";"), isEnd
		case '\\':
			if i++; i == len(text) {
				return "", "", false
			}
		}
		plain.WriteByte(text[i])
	}
	return "", "", false
}

func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool {
		return c <= ' ' || c >= 0x7F || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}

// nodeKind is what an element of a list of hops says.
type nodeKind uint8

const (
	// nodeBad: nothing that makes sense.
	nodeBad nodeKind = iota
	// nodeAddress: an address.
	nodeAddress
	// nodeHidden: that the proxy doesn't know the address, or doesn't tell it.
	nodeHidden
)

// localNode is what nginx calls a client on a Unix socket.
const localNode = "unix:"

// parseNode reads an address with or without a port: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1], [2001:db8::1]:80, in quotes
// or not, or what hides one: unknown, _name. A port that is no number counts as unknown.
func parseNode(text string) (netip.AddrPort, nodeKind) {
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	if ip, err := netip.ParseAddr(text); err == nil {
		return nodeOf(ip, 0)
	}
	if text == localNode {
		return netip.AddrPort{}, nodeHidden
	}
	host, port := text, ""
	if colon := strings.LastIndexByte(text, ':'); colon > strings.LastIndexByte(text, ']') {
		host, port = text[:colon], text[colon+1:]
		if _, ok := parsePort(port); !ok && !isName(port) {
			return netip.AddrPort{}, nodeBad
		}
	}
	if isName(host) || strings.EqualFold(host, "unknown") {
		return netip.AddrPort{}, nodeHidden
	}
	inner, inBrackets := strings.CutPrefix(host, "[")
	inner, isClosed := strings.CutSuffix(inner, "]")
	ip, err := netip.ParseAddr(inner)
	if err != nil || inBrackets != isClosed || ip.Is6() != inBrackets {
		return netip.AddrPort{}, nodeBad
	}
	number, _ := parsePort(port)
	return nodeOf(ip, number)
}

func nodeOf(ip netip.Addr, port uint16) (netip.AddrPort, nodeKind) {
	if ip.Zone() != "" || ip.IsUnspecified() {
		return netip.AddrPort{}, nodeBad
	}
	return netip.AddrPortFrom(ip.Unmap(), port), nodeAddress
}

// isName says whether text is an obfuscated identifier (RFC 7239 section 6.3).
func isName(text string) bool {
	return len(text) > 1 && text[0] == '_' && !strings.ContainsFunc(text, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-')
	})
}
