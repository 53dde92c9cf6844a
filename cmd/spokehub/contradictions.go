package main

import (
	"slices"
	"strings"
)

// contradiction is a warning about flags of which each is right by itself, but which do not go together.
type contradiction struct {
	message    string
	attributes []any
}

// contradictions are what an operator should know about the flags on a machine whose processes may open so many files.
func (f serveFlags) contradictions(files uint64) (found []contradiction) {
	warn := func(message string, attributes ...any) { found = append(found, contradiction{message, attributes}) }
	if f.MaxMessage > f.QueueLimit {
		warn("--max-message is over --queue-limit: a client may send messages that it could not receive",
			"max_message", f.MaxMessage.String(), "queue_limit", f.QueueLimit.String())
	}
	if f.MaxEvent > f.MaxMessage {
		warn("--max-event is over --max-message, so that only /publish can send the longest events",
			"max_event", f.MaxEvent.String(), "max_message", f.MaxMessage.String())
	}
	if f.MaxMessage < minComfortableMessage {
		warn("--max-message is too little for subscriptions to topics with long names",
			"max_message", f.MaxMessage.String(), "needed", byteSize(minComfortableMessage).String())
	}
	if f.MaxEvent > f.QueueLimit/4 {
		warn("--max-event is over a quarter of --queue-limit, so that a burst of long events may close clients that read in time",
			"max_event", f.MaxEvent.String(), "queue_limit", f.QueueLimit.String())
	}
	if f.PublishLimit < f.MaxEvent {
		warn("--publish-limit is below --max-event, so that /publish can't take the longest events",
			"publish_limit", f.PublishLimit.String(), "max_event", f.MaxEvent.String())
	}
	if f.MemoryBudget > 0 && f.MemoryBudget < f.QueueLimit {
		warn("--memory-budget is below --queue-limit, so that one client can use it up",
			"memory_budget", f.MemoryBudget.String(), "queue_limit", f.QueueLimit.String())
	}
	if allowed := capacity(f, files); f.MaxConnections > 0 && uint64(f.MaxConnections) > allowed {
		warn("the file limit allows fewer clients than --max-connections: raise it (ulimit -n, LimitNOFILE)",
			"max_connections", f.MaxConnections, "file_limit", files, "spokes_allowed", allowed)
	}
	if f.MaxConnections > 0 && f.MaxConnectionsPerAddress > f.MaxConnections {
		warn("--max-connections-per-address is over --max-connections and limits nothing",
			"max_connections_per_address", f.MaxConnectionsPerAddress, "max_connections", f.MaxConnections)
	}
	if f.FirstByteTimeout > f.HandshakeTimeout {
		warn("--first-byte-timeout is over --handshake-timeout, which ends a handshake earlier",
			"first_byte_timeout", f.FirstByteTimeout, "handshake_timeout", f.HandshakeTimeout)
	}
	found = append(found, f.identityFlags.contradictions()...)
	return append(found, f.openings()...)
}

// openings are settings that let in more than an operator may think, or nobody.
func (f serveFlags) openings() (found []contradiction) {
	warn := func(message string, attributes ...any) { found = append(found, contradiction{message, attributes}) }
	if f.isOpen() && !f.ClientCertificates && f.Relay && len(f.TopicRules) == 0 && !f.isOnLoopback() {
		warn("clients need no token, and each may publish to every topic: --jwt-key or --jwks asks for one, topics in the file says who may have which, and --no-relay lets only /publish publish")
	}
	if f.APIKeys != "" && f.Admin == "" {
		warn("--api-keys without --admin: there is no address that asks for a key, and no /publish")
	}
	if f.ClientCertificates && f.Relay && len(f.TopicRules) == 0 {
		warn("a client with a certificate may publish to every topic: topics in the file says who may have which, and --no-relay lets only /publish publish")
	}
	found = append(found, f.idleTLS()...)
	for _, network := range f.TrustedProxies {
		if strings.HasSuffix(network, "/0") {
			warn("--trusted-proxy trusts every address, so that every client can claim to be another", "network", network)
		}
	}
	for _, text := range f.Listen {
		address, err := parseListen(text)
		if err == nil && address.proxyProtocol && address.network == "tcp" && !address.onLoopback() && len(f.TrustedProxies) == 0 {
			warn("--listen with proxy-protocol and without --trusted-proxy: whoever reaches the port can claim any address", "listen", text)
		}
	}
	return slices.Concat(found, f.idleRules(), f.idlePolicies())
}

// minComfortableMessage is about the length of a control event that names the longest topic.
const minComfortableMessage = 1 << 10

// logContradictions warns of flags that do not go together.
func (s *service) logContradictions(flags serveFlags) {
	for _, c := range flags.contradictions(fileLimit()) {
		s.logger.Warn(c.message, c.attributes...)
	}
}
