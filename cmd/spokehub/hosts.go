package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/spokehub/spokehub/fanout"
)

// hostNames are the names under which clients may address the public address, besides addresses and localhost; nil if any
// will do. On a loopback address, and wherever --host is given, they are those of --host, those of the pages that --origin lists, and
// the machine's own.
func (s *service) hostNames() []string {
	if len(s.flags.Hosts) == 0 && !s.onLoopback {
		return nil
	}
	names := append(ownNames(), s.flags.Hosts...)
	for _, origin := range s.flags.Origins {
		if name := originHost(origin); name != "" {
			names = append(names, name)
		}
	}
	return append(names, "localhost")
}

// ownNames is what the machine calls itself.
func ownNames() []string {
	name, err := os.Hostname()
	if err != nil || !fanout.HostAllowed(name, []string{name}) || strings.ContainsAny(name, "*:") {
		return nil
	}
	return []string{name}
}

// originHost is the host of an entry of --origin, or "".
func originHost(origin string) string {
	if origin == "*" {
		return origin
	}
	_, host, _ := strings.Cut(origin, "://")
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		host = host[:colon]
	}
	return host
}

// knownHostsOnly rejects requests for a host name that is none of the current names, unless those are nil. They come from pages whose owner lets
// the name of his site resolve to this machine (DNS rebinding). Health checks are answered under any name: whoever asks
// for them goes by an address or a name of his own, and "alive" tells a page nothing. A request without a Host comes from no
// browser. advice says how to allow a name.
func knownHostsOnly(current func() []string, advice func(name string) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		isHealthCheck := r.URL.Path == "/healthz" || r.URL.Path == "/readyz"
		names := current()
		if names != nil && r.Host != "" && !isHealthCheck && !fanout.HostAllowed(r.Host, names) {
			name := r.Host
			if host, _, err := net.SplitHostPort(name); err == nil {
				name = host
			}
			writeText(w, http.StatusMisdirectedRequest, fmt.Sprintf("this address does not answer to the name %q.\n%s", name, advice(name)))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func publicHostAdvice(name string) string {
	return fmt.Sprintf("If that is a name of this hub, start it with --host %s (or SPOKEHUB_HOST=%s). "+
		"A reverse proxy that passes on the Host of its visitors needs that too.", name, name)
}

func adminHostAdvice(string) string {
	return "It answers to 127.0.0.1, localhost and this machine's own name. A reverse proxy has to send one of these as Host."
}
