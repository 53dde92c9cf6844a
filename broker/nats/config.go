package nats

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
)

// DefaultPrefix is Config.Prefix where that is empty.
const DefaultPrefix = "spokehub"

// maxPrefix is the length of the longest prefix, in bytes.
const maxPrefix = 32

// Config says how an engine reaches NATS. New copies it.
type Config struct {
	// URLs are the servers, at least one. Each is nats://host:port or tls://host:port, with a user and password (nats://user:password@host)
	// or a token (nats://token@host) ahead of the host. One text may have several with commas between: those behind the first need
	// neither a scheme nor credentials. More servers of the cluster are learnt from the first that answers.
	URLs []string
	// Prefix is what all subjects and streams of this cluster of hubs begin with: up to 32 letters, digits, "-" and "_". Empty is DefaultPrefix.
	Prefix string
	// Node is what the servers call the connection of this hub in their logs and monitoring. It may be empty.
	Node string
	// Replicas is how many servers keep each stream: 1 to 5, and not more than the cluster has. 0 is 1.
	Replicas int
	// TLS asks for TLS, with these settings. With a URL of tls:// and nil here the system's certificates hold. The engine does not change it.
	TLS *tls.Config
	// Logger gets what an operator should know. Nil logs nothing.
	Logger *slog.Logger
	// Queue is how many messages may wait for the hub. What comes beyond is lost, and Sink.Lost says so. 0 is 65,536.
	Queue int
	// QueueBytes is the same in bytes. 0 is 64 MiB.
	QueueBytes int
}

// defaultQueue and defaultQueueBytes are Config.Queue and Config.QueueBytes where those are 0.
const (
	defaultQueue      = 1 << 16
	defaultQueueBytes = 64 << 20
)

// New returns an engine that has not begun. The error says which field of the Config can't work, without any password.
func New(c Config) (*Engine, error) {
	servers, err := parseServers(c.URLs)
	if err != nil {
		return nil, err
	}
	if c.Prefix == "" {
		c.Prefix = DefaultPrefix
	}
	if c.Queue == 0 {
		c.Queue = defaultQueue
	}
	if c.QueueBytes == 0 {
		c.QueueBytes = defaultQueueBytes
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case len(c.Prefix) > maxPrefix || strings.ContainsFunc(c.Prefix, func(r rune) bool { return r > 127 || !plainBytes[byte(r)] }):
		return nil, fmt.Errorf("nats: the prefix %q is not 1 to %d letters, digits, - and _", c.Prefix, maxPrefix)
	case c.Replicas < 1 || c.Replicas > 5:
		return nil, fmt.Errorf("nats: %d replicas, want 1 to 5", c.Replicas)
	case c.Queue < 1:
		return nil, fmt.Errorf("nats: a queue of %d messages, want at least 1", c.Queue)
	case c.QueueBytes < 1:
		return nil, fmt.Errorf("nats: a queue of %d bytes, want at least 1", c.QueueBytes)
	}
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
	}
	return newEngine(c, servers), nil
}

// servers are where to connect to, each URL with its credentials. Only redacted may be shown.
type servers struct {
	urls     []string
	redacted []string
	// user has the credentials for servers that are learnt from others, nil for none.
	user *url.Userinfo
}

// String returns the servers without their credentials.
func (s servers) String() string { return strings.Join(s.redacted, ", ") }

// parseServers reads the URLs. Its errors show no part of a URL behind the scheme but the host, since all else may be a secret.
func parseServers(texts []string) (servers, error) {
	var found servers
	for i, text := range texts {
		var first *url.URL
		for part := range strings.SplitSeq(text, ",") {
			server, err := parseServer(strings.TrimSpace(part), first)
			if err != nil {
				return servers{}, fmt.Errorf("nats: URL %d: %w", i+1, err)
			}
			if first == nil {
				first = server
			}
			if found.user == nil {
				found.user = server.User
			}
			found.urls = append(found.urls, server.String())
			found.redacted = append(found.redacted, server.Scheme+"://"+server.Host)
		}
	}
	if len(found.urls) == 0 {
		return servers{}, errors.New("nats: no URL: give at least one, such as nats://127.0.0.1:4222")
	}
	return found, nil
}

var errURL = errors.New("not of the form nats://host:port or tls://host:port, with user:password@ or token@ ahead of the host; percent-encode odd characters of the password")

// parseServer reads one URL. What it lacks it has from first, if that is not nil: then it needs a scheme to have credentials of its own, since else it may be
// the end of a password that has a comma.
func parseServer(text string, first *url.URL) (*url.URL, error) {
	if text == "" {
		return nil, errURL
	}
	if !strings.Contains(text, "://") {
		if first != nil && strings.Contains(text, "@") {
			return nil, errURL
		}
		scheme := "nats"
		if first != nil {
			scheme = first.Scheme
		}
		text = scheme + "://" + text
	}
	server, err := url.Parse(text)
	if err != nil || server.Hostname() == "" || server.Path != "" && server.Path != "/" || server.RawQuery != "" || server.Fragment != "" {
		return nil, errURL
	}
	if server.Scheme != "nats" && server.Scheme != "tls" {
		return nil, errURL
	}
	if server.Port() == "" {
		server.Host += ":4222"
	}
	server.Path = ""
	if server.User == nil && first != nil {
		server.User = first.User
	}
	return server, nil
}
