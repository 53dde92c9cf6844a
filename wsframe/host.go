package wsframe

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// anyHost is the entry of PolicyConfig.Hosts that lets every name pass.
const anyHost = "*"

// localHost always means the machine itself, and so do its subdomains: browsers don't ask a name server for them.
const localHost = "localhost"

var errHost = errors.New(`want a host without scheme and port, such as hub.example.com, *.example.com for its subdomains, or *`)

// HostAllowed reports whether host, the authority of a request with or without a port, is one of names, as PolicyConfig.Hosts
// describes them. An address, localhost and its subdomains always pass: no name server can make them mean another machine.
// Case and a dot at the end don't matter. Anybody may call it; it doesn't block and keeps nothing.
func HostAllowed[text ~string | ~[]byte](host text, names []string) bool {
	name, ok := hostName(string(host))
	if !ok {
		return false
	}
	if isHost(name, localHost) || isSubdomain(name, localHost) {
		return true
	}
	for _, allowed := range names {
		if parent, subdomains := strings.CutPrefix(allowed, "*."); subdomains && isSubdomain(name, parent) {
			return true
		}
		if allowed == anyHost || isHost(name, allowed) {
			return true
		}
	}
	return isAddress(name)
}

// checkHost accepts what PolicyConfig.Hosts describes.
func checkHost(name string) error {
	if name == anyHost {
		return nil
	}
	plain := strings.TrimPrefix(name, "*.")
	host, ok := hostName(plain)
	hasEmptyLabel := strings.Contains("."+host, "..")
	if !ok || hasEmptyLabel || len(host) != len(strings.TrimSuffix(plain, ".")) || strings.Contains(plain, "*") {
		return fmt.Errorf("%q: %w", name, errHost)
	}
	return nil
}

// hostName is authority without its port and without a dot at the end.
func hostName(authority string) (name string, ok bool) {
	name, _, ok = splitAuthority(authority)
	if len(name) > 1 {
		name = strings.TrimSuffix(name, ".")
	}
	return name, ok && name != ""
}

func isHost(name, allowed string) bool {
	return strings.EqualFold(name, strings.TrimSuffix(allowed, "."))
}

func isSubdomain(name, parent string) bool {
	parent = strings.TrimSuffix(parent, ".")
	dot := len(name) - len(parent) - 1
	return dot > 0 && name[dot] == '.' && name[dot-1] != '.' && isHost(name[dot+1:], parent)
}

// isAddress reports whether a host is an IPv4 address or an IPv6 address in brackets.
func isAddress(name string) bool {
	if last := name[len(name)-1]; last != ']' && !isDigit(last) {
		return false
	}
	inner := strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	ip, err := netip.ParseAddr(strings.Clone(inner))
	return err == nil && ip.Is6() == (name[0] == '[')
}
