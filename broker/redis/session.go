package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/spokehub/spokehub/internal/quietconn"
)

// session is a client of the Redis library from the time when it connected. Its connections end with ctx.
type session struct {
	ctx    context.Context
	cancel context.CancelFunc
	client rueidis.Client
	// longest is how long a message may be, in bytes.
	longest int
	// worst is a server with settings that lose events, if there is one.
	worst finding
}

// open connects. The error says what stands against it.
func (e *Engine) open() (*session, error) {
	s := &session{longest: e.config.Limits.Message}
	s.ctx, s.cancel = context.WithCancel(e.life.ctx)
	client, err := rueidis.NewClient(e.options(s.ctx))
	if err != nil {
		s.cancel()
		return nil, explain(err)
	}
	s.client = client
	if err := e.inspect(s); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) close() {
	s.cancel()
	s.client.Close()
}

func (e *Engine) options(ctx context.Context) rueidis.ClientOption {
	limits, t := e.config.Limits, e.target
	o := rueidis.ClientOption{
		InitAddress:       t.addresses,
		Username:          t.login.user,
		Password:          t.login.password,
		ClientName:        e.config.clientName(),
		SelectDB:          t.db,
		DialCtxFn:         dialer(ctx, limits.Timeout),
		Dialer:            net.Dialer{Timeout: limits.Timeout, KeepAlive: limits.Timeout / 2},
		ConnWriteTimeout:  limits.Timeout,
		PipelineMultiplex: -1,
		DisableRetry:      true,
		DisableCache:      true,
		AlwaysPipelining:  true,
		ForceSingleClient: t.mode == alone,
	}
	if t.tls {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if e.config.TLS != nil {
			o.TLSConfig = e.config.TLS.Clone()
		}
	}
	if t.mode == sentinels {
		o.Sentinel = rueidis.SentinelOption{
			MasterSet: t.master, Username: t.sentinel.user, Password: t.sentinel.password,
			ClientName: o.ClientName, TLSConfig: o.TLSConfig, Dialer: o.Dialer,
		}
	}
	return o
}

// dialer makes connections that end with ctx, so that nothing waits for a server that is frozen when a session ends.
func dialer(ctx context.Context, timeout time.Duration) func(context.Context, string, *net.Dialer, *tls.Config) (net.Conn, error) {
	return func(call context.Context, address string, d *net.Dialer, config *tls.Config) (net.Conn, error) {
		call, cancel := context.WithTimeout(call, timeout)
		defer cancel()
		stop := context.AfterFunc(ctx, cancel)
		defer stop()
		var conn net.Conn
		var err error
		if config != nil {
			conn, err = (&tls.Dialer{NetDialer: d, Config: config}).DialContext(call, "tcp", address)
		} else {
			conn, err = d.DialContext(call, "tcp", address)
		}
		if err != nil {
			return nil, err
		}
		conn = quietconn.Wrap(conn)
		return &boundConn{Conn: conn, unbind: context.AfterFunc(ctx, func() { conn.Close() })}, nil
	}
}

// boundConn is a connection that is closed when a context ends.
type boundConn struct {
	net.Conn
	unbind func() bool
}

func (c *boundConn) Close() error {
	c.unbind()
	return c.Conn.Close()
}

// finding is what inspect has found of a server.
type finding struct {
	address string
	// bulk is how long an argument of a command may be, in bytes; 0 if that is not known.
	bulk int
	// policy is maxmemory-policy, empty if that is not known.
	policy string
	// blind says that scripts are not permitted to use INFO.
	blind bool
	err   error
}

// inspect looks at all servers at once: scripts are loaded, a replica is refused, and settings that lose events are noted. In a cluster some servers
// may be away.
func (e *Engine) inspect(s *session) error {
	ctx, cancel := context.WithTimeout(s.ctx, e.config.Limits.Timeout)
	defer cancel()
	nodes := s.client.Nodes()
	found := make(chan finding, len(nodes))
	for address, node := range nodes {
		go func() { found <- e.inspectNode(ctx, s, address, node) }()
	}
	var first error
	for range nodes {
		f := <-found
		if f.err != nil && first == nil {
			first = fmt.Errorf("%s: %w", f.address, f.err)
		}
		if f.bulk > 0 {
			s.longest = min(s.longest, f.bulk-bulkReserve)
		}
		if s.worst.caution() == "" {
			s.worst = f
		}
	}
	if e.target.mode == clustered {
		return nil
	}
	return first
}

// caution is what is wrong with the settings, in short; empty for nothing.
func (f finding) caution() string {
	var wrong []string
	if f.blind {
		wrong = append(wrong, "INFO")
	}
	if f.policy != "" && f.policy != "noeviction" {
		wrong = append(wrong, f.policy)
	}
	return strings.Join(wrong, " ")
}

// warn writes what an operator should change.
func (f finding) warn(logger *slog.Logger) {
	if f.blind {
		logger.Warn("Redis does not permit INFO, so a failover that loses events is not noticed: permit it to the user", "address", f.address)
	}
	if f.policy != "" && f.policy != "noeviction" {
		logger.Warn("Redis may evict streams, which loses events: set maxmemory-policy noeviction", "address", f.address, "policy", f.policy)
	}
}

func (e *Engine) inspectNode(ctx context.Context, s *session, address string, node rueidis.Client) finding {
	f := finding{address: address}
	info, err := node.Do(ctx, node.B().Info().Section("replication").Build()).ToString()
	answer, isAnswer := rueidis.IsRedisErr(err)
	switch f.blind = isAnswer && strings.HasPrefix(answer.Error(), "NOPERM"); {
	case err != nil && !f.blind:
		f.err = explain(err)
		return f
	case e.target.mode != clustered && strings.Contains(info, "role:slave"):
		f.err = errors.New(advice["READONLY"])
		return f
	}
	if f.err = e.loadScripts(s, node); f.err != nil {
		return f
	}
	settings, err := node.Do(ctx, node.B().ConfigGet().Parameter("maxmemory-policy", "proto-max-bulk-len").Build()).AsStrMap()
	if err == nil {
		f.policy = settings["maxmemory-policy"]
		f.bulk, _ = strconv.Atoi(settings["proto-max-bulk-len"])
	}
	return f
}

// bulkReserve is how much longer what is published may be than the message: an epoch, an offset, two separators.
const bulkReserve = 64

// loadScripts has a server know the scripts, in one exchange.
func (e *Engine) loadScripts(s *session, node rueidis.Client) error {
	ctx, cancel := context.WithTimeout(s.ctx, e.config.Limits.Timeout)
	defer cancel()
	commands := make([]rueidis.Completed, len(scripts))
	for i, script := range scripts {
		commands[i] = node.B().ScriptLoad().Script(script.text).Build()
	}
	for _, result := range node.DoMulti(ctx, commands...) {
		if err := result.Error(); err != nil {
			return fmt.Errorf("load scripts: %w", explain(err))
		}
	}
	return nil
}
