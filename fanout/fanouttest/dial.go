package fanouttest

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"
)

// Dial sends a handshake to handler, which is the hub or what the service has in front of it: its middleware, its mux, an upgrade of
// its own. The request says which path, cookies and headers the client comes with; [httptest.NewRequest] makes one. Dial adds what
// every handshake has, to a copy. So Config.OnHandshake is asked, and Origins and Hosts are checked.
//
// It returns the client and the answer, when the handler has returned. The client is nil if it was not let in, that is, if the answer's
// status is not 101; then the answer has its body. One that is refused with a close code is a client, and [Client.Closed]
// tells the code. Dial fails the test if there is no answer within Hub.Patience.
func (h *Hub) Dial(handler http.Handler, request *http.Request) (*Client, *http.Response) {
	h.t.Helper()
	h.dialed++
	clientEnd, hubEnd := net.Pipe()
	local := dialAddr(h.dialed)
	w := &upgradeWriter{ResponseRecorder: httptest.NewRecorder(), conn: dialedConn{hubEnd, local}}
	ctx, cancel := context.WithCancel(context.WithValue(request.Context(), http.LocalAddrContextKey, local))
	r := handshakeOf(request.Clone(ctx))
	served := make(chan struct{})
	go func() {
		defer close(served)
		defer cancel()
		handler.ServeHTTP(w, r)
		if !w.hijacked {
			hubEnd.Close()
		}
	}()
	deadline := time.Now().Add(h.Patience)
	_ = clientEnd.SetReadDeadline(deadline)
	in := bufio.NewReader(clientEnd)
	answer, err := http.ReadResponse(in, r)
	if err != nil && isClosed(served, time.Until(deadline)) && !w.hijacked {
		clientEnd.Close()
		return nil, w.Result()
	}
	if err != nil {
		cancel()
		clientEnd.Close()
		h.t.Fatalf("dial %s: no answer: %v", r.URL, err)
	}
	_ = clientEnd.SetReadDeadline(time.Time{})
	if answer.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(answer.Body)
		answer.Body = io.NopCloser(bytes.NewReader(body))
		clientEnd.Close()
		return nil, answer
	}
	c := newClient(h, nil, &aheadConn{clientEnd, in})
	c.local = local
	h.clients = append(h.clients, c)
	if !isClosed(served, time.Until(deadline)) {
		cancel()
		h.t.Fatalf("dial %s: waited %v for the handler to return, got an answer alone", r.URL, h.Patience)
	}
	return c, answer
}

// handshakeOf adds to a request what the handshake of a WebSocket has, and what a server knows of any request.
func handshakeOf(r *http.Request) *http.Request {
	for _, field := range [...][2]string{
		{"Connection", "Upgrade"}, {"Upgrade", "websocket"}, {"Sec-Websocket-Version", "13"},
		{"Sec-Websocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
	} {
		if r.Header.Get(field[0]) == "" {
			r.Header.Set(field[0], field[1])
		}
	}
	if r.RemoteAddr == "" {
		r.RemoteAddr = "192.0.2.1:1234"
	}
	if r.RequestURI == "" {
		r.RequestURI = r.URL.RequestURI()
	}
	return r
}

// isClosed says whether c is closed within d.
func isClosed(c <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}

// upgradeWriter is an http.ResponseWriter whose connection can be taken. It belongs to the handler until that returns.
type upgradeWriter struct {
	*httptest.ResponseRecorder
	conn     net.Conn
	hijacked bool
}

// Hijack gives the connection away, once.
func (w *upgradeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.hijacked {
		return nil, nil, http.ErrHijacked
	}
	w.hijacked = true
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}

// dialAddr is the address of the hub's end of a connection that was dialed, by which the client's spoke is found.
type dialAddr uint64

// Network names no network that there is.
func (dialAddr) Network() string { return "fanouttest" }

// String is the same for all.
func (dialAddr) String() string { return "fanouttest" }

// dialedConn is the hub's end of a connection.
type dialedConn struct {
	net.Conn
	local net.Addr
}

// LocalAddr is different for each.
func (c dialedConn) LocalAddr() net.Addr { return c.local }

// aheadConn is a connection of which in has read some bytes ahead. One goroutine reads it.
type aheadConn struct {
	net.Conn
	in *bufio.Reader
}

// Read returns the bytes that were read ahead, then those of the connection.
func (c *aheadConn) Read(p []byte) (int, error) {
	if n := c.in.Buffered(); n > 0 {
		return c.in.Read(p[:min(n, len(p))])
	}
	return c.Conn.Read(p)
}
