package redis

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Config says which Redis to use, and how. New copies it.
type Config struct {
	// URL says where Redis is; it may have passwords, which no error and no line of the log has. One server: redis://[user:password@]host:port/db, or
	// rediss:// for TLS. Sentinels: redis-sentinel://[user:password@]host:port,host:port/master-name, with ?sentinel-user= and ?sentinel-password= if the
	// sentinels have those, and ?db=. A cluster: redis-cluster://[user:password@]host:port,host:port. The last two have TLS with ?tls=true. The
	// ports are 6379, and 26379 of sentinels, where there are none.
	URL string
	// Prefix is what the names of all keys and channels begin with: letters, digits, "-", "_" and ".". Hubs with the same one are one cluster. Empty for "spokehub".
	Prefix string
	// Node is the name of this hub, which Redis lists its connections under. It may be empty.
	Node string
	// TLS is for URLs that ask for TLS; nil for the system's certificates.
	TLS *tls.Config
	// Logger gets what an operator should know; nil for none.
	Logger *slog.Logger
	// Limits are bounds and times. The zero value is right for nearly everybody.
	Limits Limits
}

// Limits are bounds and times of an Engine. Zero stands for the default.
type Limits struct {
	// Timeout bounds each exchange with Redis; 4 s by default.
	Timeout time.Duration
	// Idle is how long a connection with subscriptions may be silent before the engine asks Redis for a sign of life; 5 s by default.
	Idle time.Duration
	// Queue is how many messages a connection may have received that were not delivered yet, 65,536 by default. Those that come when it is
	// full are lost, which the sink is told.
	Queue int
	// QueueBytes is the same in bytes, 64 MiB by default.
	QueueBytes int
	// Message is how long a message may be, in bytes; 8 MiB by default. Redis may have a lower limit.
	Message int
}

const (
	defaultPrefix     = "spokehub"
	defaultTimeout    = 4 * time.Second
	defaultIdle       = 5 * time.Second
	defaultQueue      = 65536
	defaultQueueBytes = 64 << 20
	defaultMessage    = 8 << 20
	maxPrefix         = 128
)

// complete validates the configuration and fills in defaults.
func (c Config) complete() (Config, error) {
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if len(c.Prefix) > maxPrefix || strings.ContainsFunc(c.Prefix, func(r rune) bool { return !isNameRune(r) && r != '.' }) {
		return c, fmt.Errorf("prefix %q of Redis: want up to %d letters, digits, -, _ and .", c.Prefix, maxPrefix)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	l := &c.Limits
	if l.Timeout < 0 || l.Idle < 0 || l.Queue < 0 || l.QueueBytes < 0 || l.Message < 0 {
		return c, errors.New("a limit of the Redis engine is negative: want more, or 0 for the default")
	}
	fill(&l.Timeout, defaultTimeout)
	fill(&l.Idle, defaultIdle)
	fill(&l.Queue, defaultQueue)
	fill(&l.QueueBytes, defaultQueueBytes)
	fill(&l.Message, defaultMessage)
	return c, nil
}

func fill[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

func isNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

// clientName is what Redis lists connections under: it takes no spaces and no control characters.
func (c Config) clientName() string {
	name := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, c.Node)
	if name == "" {
		return "spokehub"
	}
	return "spokehub-" + name
}
