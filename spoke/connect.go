package spoke

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// link is one connection.
type link struct {
	ws *websocket.Conn
	// raw is what lies beneath, TLS included.
	raw *watched
	// token is what the handshake or the first event shows, empty for none.
	token string
	since time.Time
	// cause is why the client itself has given the connection up.
	cause atomic.Pointer[error]
	// busy says that the run goroutine handles a message, or tells OnState of the connection, and reads nothing.
	busy atomic.Bool
	// writing says that the write goroutine writes a message.
	writing atomic.Bool
	// control are control events that are to be written next, lost says that the socket takes nothing any more, and probed
	// is when it was sent a probe that is unanswered, since raw.began; 0 is for no probe that is open. Client.mu guards them.
	control [][]byte
	lost    bool
	probed  time.Duration
}

// giveUp ends the connection without a close handshake. The first cause counts.
func (l *link) giveUp(cause error) {
	l.cause.CompareAndSwap(nil, &cause)
	l.raw.Close()
}

// mayPong says whether a ping is answered. None is while a message is being written: the pong could only go behind it, the run goroutine would
// read nothing until then, and the bytes of the message tell the hub as much.
func (l *link) mayPong(context.Context, []byte) bool { return !l.writing.Load() }

// watched is a connection that knows when it has brought something, and that does not wait forever for its peer to read.
type watched struct {
	net.Conn
	began time.Time
	// lastRead is when bytes came last, in nanoseconds since began.
	lastRead atomic.Int64
	// patience is how long a chunk may take.
	patience time.Duration
}

// Read notes the time if there is something.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.lastRead.Store(int64(time.Since(w.began)))
	}
	return n, err
}

// chunk is how many bytes a peer that reads has to take within the patience.
const chunk = 16 << 10

// Write writes chunk by chunk, with a deadline for each.
func (w *watched) Write(p []byte) (written int, err error) {
	for {
		if err := w.Conn.SetWriteDeadline(time.Now().Add(w.patience)); err != nil {
			return written, err
		}
		part := p[written:min(len(p), written+chunk)]
		n, err := w.Conn.Write(part)
		written += n
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

// connect makes one attempt. The error is a *ConnectError.
func (c *Client) connect(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.ConnectTimeout)
	defer cancel()
	l := &link{token: c.cfg.Token}
	if c.cfg.GetToken != nil {
		token, err := c.getToken(ctx)
		if err != nil {
			return nil, &ConnectError{URL: c.endpoint.name, Err: fmt.Errorf("get a token: %w", err)}
		}
		l.token = token
	}
	var raw atomic.Pointer[watched]
	transport, err := c.transport(ctx, &raw)
	if err != nil {
		return nil, &ConnectError{URL: c.endpoint.name, Err: err}
	}
	header := c.cfg.Header.Clone()
	if l.token != "" && !c.cfg.TokenAsEvent {
		if header == nil {
			header = http.Header{}
		}
		header.Set("Authorization", "Bearer "+l.token)
	}
	ws, response, err := websocket.Dial(ctx, c.endpoint.target.String(), &websocket.DialOptions{
		HTTPClient:     &http.Client{Transport: transport, CheckRedirect: stayHere},
		HTTPHeader:     header,
		OnPingReceived: l.mayPong,
	})
	if err != nil {
		if ctx.Err() != nil && response == nil {
			err = c.timeoutOf(ctx, err)
		}
		return nil, newConnectError(c.endpoint.name, response, err)
	}
	ws.SetReadLimit(c.cfg.MaxMessage)
	l.ws, l.raw, l.since = ws, raw.Load(), time.Now()
	return l, nil
}

// stayHere has no redirect followed: it could lead the token elsewhere, or out of TLS.
func stayHere(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// timeoutOf says which time is over, in place of a library's words for it.
func (c *Client) timeoutOf(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no connection within %v (Config.ConnectTimeout, or the context of Dial): %w", c.cfg.ConnectTimeout, ctx.Err())
	}
	return plainCause(err)
}

// transport is for one handshake, whose connection it puts into raw. It keeps none beside that, and no goroutine. net/http may go on to
// dial when a handshake is given up, so it does that with the context of the attempt.
func (c *Client) transport(attempt context.Context, raw *atomic.Pointer[watched]) (*http.Transport, error) {
	dial := dialFunc((&net.Dialer{}).DialContext)
	if c.cfg.DialContext != nil {
		dial = c.cfg.DialContext
	}
	proxy := c.cfg.Proxy
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	t := &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10, WriteBufferSize: 4 << 10, ReadBufferSize: 4 << 10}
	if c.cfg.TLS != nil {
		t.TLSClientConfig = c.cfg.TLS.Clone()
		t.TLSClientConfig.NextProtos = []string{"http/1.1"}
	}
	switch {
	case c.endpoint.socket != "":
		tcp := dial
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return tcp(ctx, "unix", c.endpoint.socket) }
	case c.endpoint.target.Scheme == "ws":
		of, err := proxy(&http.Request{Method: http.MethodGet, URL: c.endpoint.asHTTP(), Header: http.Header{}})
		if err != nil {
			return nil, fmt.Errorf("find the proxy: %w", err)
		}
		if of != nil && (of.Scheme == "http" || of.Scheme == "https") {
			dial = throughProxy(dial, of, c.cfg.TLS)
		} else {
			t.Proxy = func(*http.Request) (*url.URL, error) { return of, nil }
		}
	default:
		t.Proxy, t.OnProxyConnectResponse = proxy, checkProxy
	}
	t.DialContext = func(_ context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(attempt, network, address)
		if err != nil {
			return nil, err
		}
		w := &watched{Conn: conn, began: time.Now(), patience: c.cfg.PongTimeout}
		raw.Store(w)
		return w, nil
	}
	return t, nil
}

// asHTTP is the URL as proxies are looked up for.
func (e endpoint) asHTTP() *url.URL {
	u := *e.target
	u.Scheme = map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
	return &u
}
