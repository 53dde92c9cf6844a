package nats

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/quietconn"
)

const (
	// dialTimeout bounds the connecting and, again, the handshake with one server.
	dialTimeout = 2 * time.Second
	// writeTimeout bounds one write to the socket, and so how much longer than its context a Publish can take.
	writeTimeout = 2 * time.Second
	// pingInterval is how often the client library asks whether the server is there; it gives up after the second question without an answer.
	pingInterval = 2 * time.Second
	maxPings     = 2
	// firstWait and maxWait bound how long it waits, after it has tried all servers, before it tries them again.
	firstWait = 100 * time.Millisecond
	maxWait   = 2 * time.Second
)

// link is the one connection. conn is set by open and does not change; the client library makes the connections below it.
type link struct {
	conn *nats.Conn
	dial dialer
	// there says that there is a connection, and up that all that was wanted is restored, too.
	there, up atomic.Bool
	// batches says that the server gives several messages of a stream at once, as NATS does from 2.11 on.
	batches atomic.Bool
	// longest is how long a message may be, 0 until there has been a connection.
	longest atomic.Int64
}

// measure notes how long a message may be.
func (l *link) measure() { l.longest.Store(l.conn.MaxPayload()) }

// open makes the connection's object. It does not touch the network: the first attempt of the client library fails at once, and the
// next ones are made by a goroutine of its own.
func (l *link) open(e *Engine) error {
	l.dial.ctx = e.life.ctx
	options := nats.GetDefaultOptions()
	options.Servers = e.servers.urls
	options.User = e.servers.user.Username()
	if word, has := e.servers.user.Password(); has {
		options.Password = word
	} else {
		options.User, options.Token = "", options.User
	}
	for _, set := range []nats.Option{
		nats.Name(e.config.Node), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1),
		nats.CustomReconnectDelay(reconnectDelay), nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(maxPings),
		nats.Timeout(dialTimeout), nats.FlusherTimeout(writeTimeout), nats.ReconnectOnFlusherError(), nats.SkipHostLookup(),
		nats.IgnoreAuthErrorAbort(), nats.SkipSubjectValidation(), nats.NoCallbacksAfterClientClose(), nats.SetCustomDialer(&l.dial),
		nats.CustomInboxPrefix(e.config.Prefix + ".i"),
		nats.ConnectHandler(e.connected), nats.ReconnectHandler(e.connected),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { e.disconnected(err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { e.news.failed(err) }),
		nats.ErrorHandler(e.asyncError),
	} {
		if err := set(&options); err != nil {
			return err
		}
	}
	if e.config.TLS != nil {
		if err := nats.Secure(e.config.TLS)(&options); err != nil {
			return err
		}
	}
	conn, err := options.Connect()
	if err != nil {
		return e.redact(err)
	}
	l.conn = conn
	if err := e.calls.listen(conn); err != nil {
		conn.Close()
		return e.redact(err)
	}
	l.dial.allow()
	return nil
}

// reconnectDelay is how long to wait once all servers were tried attempts times: not at all at first, then up to maxWait, at random so that the
// hubs of a cluster don't come all at once.
func reconnectDelay(attempts int) time.Duration {
	most := min(firstWait<<min(max(attempts, 1)-1, 10), maxWait)
	return rand.N(most)
}

// drop ends the connection below the client library, which then makes a new one. It takes no lock of the library, so it works while that waits for
// the socket.
func (l *link) drop() { l.dial.drop() }

func (l *link) close() {
	l.dial.drop()
	l.conn.Close()
}

// dialer makes the connections of the client library, and remembers the last one.
type dialer struct {
	ctx   context.Context
	mu    sync.Mutex
	ready bool
	last  net.Conn
}

// errFirst is that of the attempt which the client library makes within Connect.
var errFirst = errors.New("not tried yet")

// Dial connects to a server. The first call fails at once.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	d.mu.Lock()
	ready := d.ready
	d.mu.Unlock()
	if !ready {
		return nil, errFirst
	}
	ctx, cancel := context.WithTimeout(d.ctx, dialTimeout)
	defer cancel()
	var plain net.Dialer
	socket, err := plain.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := &wire{Conn: quietconn.Wrap(socket)}
	d.mu.Lock()
	d.last = conn
	d.mu.Unlock()
	if d.ctx.Err() != nil {
		d.drop()
	}
	return conn, nil
}

func (d *dialer) allow() {
	d.mu.Lock()
	d.ready = true
	d.mu.Unlock()
}

func (d *dialer) drop() {
	d.mu.Lock()
	last := d.last
	d.mu.Unlock()
	if last != nil {
		_ = last.Close()
	}
}

// connected is called by the client library when there is a connection.
func (e *Engine) connected(conn *nats.Conn) {
	e.link.batches.Store(givesBatches(conn.ConnectedServerVersion()))
	e.link.longest.Store(conn.MaxPayload())
	e.link.there.Store(true)
	e.news.connected()
}

// disconnected is called by the client library when a connection has ended.
func (e *Engine) disconnected(err error) {
	e.link.there.Store(false)
	e.keys.away()
	e.refusals.forget()
	e.news.disconnected(err, &e.link.up)
	e.calls.failAll(unavailable("the connection to NATS ended while the answer was awaited"))
}

// asyncError is called by the client library for errors that no call returns.
func (e *Engine) asyncError(_ *nats.Conn, sub *nats.Subscription, err error) {
	if errors.Is(err, nats.ErrSlowConsumer) {
		return
	}
	if isRefusal(err) {
		e.refuse(err)
		return
	}
	subject := ""
	if sub != nil {
		subject = sub.Subject
	}
	if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked) {
		e.news.failed(err)
		return
	}
	e.config.Logger.Warn("nats: the client library reports an error", "subject", subject, "error", e.redact(err))
}

var _ broker.Broker = (*Engine)(nil)
