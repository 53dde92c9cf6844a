package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// listenAddress is one value of --listen.
type listenAddress struct {
	// network is tcp or unix, address what net.Listen takes with it; or network is systemd, which has opened the socket, address its name.
	network, address string
	// mode is the permissions of the socket file, 0 to leave them to the umask.
	mode os.FileMode
	// proxyProtocol says that a PROXY header comes ahead of each connection.
	proxyProtocol bool
	tls           listenTLS
}

// maxSocketPath is how long the path of a socket file may be.
const maxSocketPath = 103

// parseListen reads HOST:PORT, unix:PATH or systemd:NAME, with options behind commas.
func parseListen(text string) (listenAddress, error) {
	parts := strings.Split(text, ",")
	where, options := strings.TrimSpace(parts[0]), parts[1:]
	a := listenAddress{network: "tcp", address: where}
	if path, isUnix := strings.CutPrefix(where, "unix:"); isUnix {
		a.network, a.address = "unix", path
		switch {
		case path == "" || path == "@":
			return a, fmt.Errorf("%q has no path behind unix:, such as unix:/run/spokehub.sock", text)
		case len(path) > maxSocketPath:
			return a, fmt.Errorf("%q: the path of a socket has at most %d bytes", text, maxSocketPath)
		}
	} else if name, isPassed := strings.CutPrefix(where, "systemd:"); isPassed {
		a.network, a.address = "systemd", name
		if err := checkSocketName(name); err != nil {
			return a, fmt.Errorf("%q: %w", text, err)
		}
	} else if _, _, err := net.SplitHostPort(where); err != nil {
		return a, fmt.Errorf("%q is not a HOST:PORT, such as 127.0.0.1:8080, [::1]:8080 or :8080, nor a unix:PATH or systemd:NAME", where)
	} else if err := checkHostPort(where); err != nil {
		return a, err
	}
	for _, option := range options {
		if err := a.set(strings.TrimSpace(option)); err != nil {
			return a, fmt.Errorf("%q: %w", text, err)
		}
	}
	if err := a.tls.check(); err != nil {
		return a, fmt.Errorf("%q: %w", text, err)
	}
	return a, nil
}

// checkHostPort says what is wrong with a HOST:PORT on which nobody could listen. Names are left to the resolver.
func checkHostPort(address string) error {
	host, port, _ := net.SplitHostPort(address)
	if _, err := net.LookupPort("tcp", port); err != nil {
		return fmt.Errorf("%q: %q is no port: want a number up to 65535", address, port)
	}
	if host != "" && strings.Trim(host, "0123456789.") == "" && net.ParseIP(host) == nil {
		return fmt.Errorf("%q: %q is no address", address, host)
	}
	return nil
}

func (a *listenAddress) set(option string) error {
	name, value, hasValue := strings.Cut(option, "=")
	if isTLS, err := a.tls.set(name, value, hasValue); isTLS {
		return err
	}
	switch name {
	case "proxy-protocol":
		on, err := strconv.ParseBool(value)
		if hasValue && err != nil {
			return fmt.Errorf("proxy-protocol: want true or false, and got %q", value)
		}
		a.proxyProtocol = on || !hasValue
	case "mode":
		mode, err := strconv.ParseUint(value, 8, 32)
		switch {
		case a.network != "unix" || strings.HasPrefix(a.address, "@"):
			return errors.New("mode is for the files of Unix sockets")
		case err != nil || mode == 0 || mode > 0o777:
			return fmt.Errorf("mode: want permissions such as 0660, and got %q", value)
		}
		a.mode = os.FileMode(mode)
	default:
		if _, _, err := net.SplitHostPort(option); err == nil || strings.HasPrefix(option, "unix:") {
			return fmt.Errorf("%s: an address of its own: repeat --listen for several, or write a list into the file", option)
		}
		return errors.New(strings.ReplaceAll(noSuchKey(name, listenOptions), "key", "option"))
	}
	return nil
}

// onLoopback says that only this machine can reach a TCP address as it is written.
func (a listenAddress) onLoopback() bool {
	host, _, _ := net.SplitHostPort(a.address)
	return host == "localhost" || isLoopback(a.address)
}

// isSame says that two addresses can't both be listened on.
func (a listenAddress) isSame(b listenAddress) bool {
	if a.network != b.network {
		return false
	}
	if a.network != "tcp" {
		return a.address == b.address
	}
	host, port, _ := net.SplitHostPort(a.address)
	otherHost, otherPort, _ := net.SplitHostPort(b.address)
	return port == otherPort && port != "0" && (host == otherHost || hasAll(host, otherHost) || hasAll(otherHost, host))
}

// hasAll says that who listens on every address, as host says, has the other one, too. 0.0.0.0 stands for those of IPv4.
func hasAll(host, other string) bool {
	ip, otherIP := net.ParseIP(host), net.ParseIP(other)
	isIPv6 := otherIP != nil && otherIP.To4() == nil && !otherIP.IsUnspecified()
	return host == "" || ip != nil && ip.IsUnspecified() && (ip.To4() == nil || !isIPv6)
}
