package proxied

import (
	"cmp"
	"net/http"
	"net/netip"
	"strings"
)

// Fields are the values of the header fields with which proxies tell of a client, a line each, in the order in which they came.
type Fields struct {
	// For, Proto and Host are X-Forwarded-For, -Proto and -Host.
	For, Proto, Host []string
	// Forwarded is the field of RFC 7239.
	Forwarded []string
}

// FieldsOf takes them from a header. They are shared with it.
func FieldsOf(header http.Header) *Fields {
	return &Fields{
		For:       header["X-Forwarded-For"],
		Proto:     header["X-Forwarded-Proto"],
		Host:      header["X-Forwarded-Host"],
		Forwarded: header["Forwarded"],
	}
}

// Add adds a copy of a field's value, if the field is one of them.
func (f *Fields) Add(name, value []byte) {
	for _, field := range [...]struct {
		name   string
		values *[]string
	}{{"X-Forwarded-For", &f.For}, {"X-Forwarded-Proto", &f.Proto}, {"X-Forwarded-Host", &f.Host}, {"Forwarded", &f.Forwarded}} {
		if len(name) == len(field.name) && strings.EqualFold(string(name), field.name) {
			*field.values = append(*field.values, string(value))
			return
		}
	}
}

// Client is who has sent a request through proxies.
type Client struct {
	// Addr is its address, with port 0 if that isn't known. Where nothing can be believed it is the peer's.
	Addr netip.AddrPort
	// Host is the authority that it asked for, empty if no proxy tells.
	Host string
	// IsSecure says that it came over TLS.
	IsSecure bool
	// IsIgnored says that what a proxy told was malformed or contradictory, and was not believed.
	IsIgnored bool
}

// ClientBehind returns who has sent the request that came from peer, which must be a trusted proxy (the zero value for one on a Unix
// socket). Of the addresses that proxies have listed it is the last that isn't a trusted proxy's, since each proxy appends whom it
// has got the request from, and what stands ahead of that anyone can have written; or the first, if all are trusted.
//
// X-Forwarded-For and Forwarded may both be there only if they name the same client. A proxy maintains one of them and passes on
// what a client writes into the other, and nobody knows which: then neither is believed.
func (n Networks) ClientBehind(peer netip.AddrPort, f *Fields) Client {
	listed := n.lastListed(peer, f.For)
	standard := n.lastForwarded(peer, f.Forwarded)
	switch {
	case listed.isBad || standard.isBad:
		return Client{Addr: peer, IsIgnored: true}
	case listed.isTold && standard.isTold && listed.addr.Addr() != standard.addr.Addr():
		return Client{Addr: peer, IsIgnored: true}
	}
	c := Client{Addr: listed.addr, Host: standard.host}
	proto := standard.proto
	if !listed.isTold {
		c.Addr = standard.addr
	}
	if host := beside(listed, f.Host); host != "" {
		c.Host = host
	}
	if p := beside(listed, f.Proto); p != "" {
		proto = p
	}
	if c.Host != "" && !isHost(c.Host) {
		c.Host, c.IsIgnored = "", true
	}
	switch strings.ToLower(proto) {
	case "https", "wss":
		c.IsSecure = true
	case "", "http", "ws":
	default:
		c.IsIgnored = true
	}
	return c
}

// hop is the one in a list of hops that stands for the client.
type hop struct {
	addr netip.AddrPort
	// fromEnd is how many elements of the list stand behind it, of count.
	fromEnd, count int
	// isTold says that the list has any address, isBad that it can't be read that far.
	isTold, isBad bool
	// host and proto are what the proxies up to there have said last.
	host, proto string
}

// lastListed finds the client in X-Forwarded-For.
func (n Networks) lastListed(peer netip.AddrPort, lines []string) hop {
	h := hop{addr: peer}
	isFound := false
	for element := range fromEnd(lines) {
		h.count++
		if isFound {
			continue
		}
		addr, kind := parseNode(element)
		h.isTold = true
		switch kind {
		case nodeBad:
			return hop{isBad: true}
		case nodeHidden:
			isFound = true
		case nodeAddress:
			h.addr, h.fromEnd = addr, h.count-1
			isFound = !n.Contain(addr.Addr())
		}
	}
	return h
}

// lastForwarded finds the client in Forwarded.
func (n Networks) lastForwarded(peer netip.AddrPort, lines []string) hop {
	h := hop{addr: peer}
	for element := range fromEnd(lines) {
		e, ok := parseElement(element)
		if !ok {
			return hop{isBad: true}
		}
		h.host, h.proto = cmp.Or(e.host, h.host), cmp.Or(e.proto, h.proto)
		if e.node == "" {
			return h
		}
		addr, kind := parseNode(e.node)
		h.isTold = true
		switch kind {
		case nodeBad:
			return hop{isBad: true}
		case nodeHidden:
			return h
		}
		if h.addr = addr; !n.Contain(addr.Addr()) {
			return h
		}
	}
	return h
}

// beside is the element of another field that belongs to a hop: the one in the same place if both lists have the same length, else
// the last, which the nearest proxy has written.
func beside(h hop, lines []string) string {
	last, same, count := "", "", 0
	for element := range fromEnd(lines) {
		if count == 0 {
			last = element
		}
		if count == h.fromEnd {
			same = element
		}
		count++
	}
	if count == h.count {
		return same
	}
	return last
}

const maxHost = 261

// isHost says whether text can be a host with an optional port.
func isHost(text string) bool {
	return len(text) <= maxHost && !strings.ContainsFunc(text, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(".-_:[]", c))
	})
}
