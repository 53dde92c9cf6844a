package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// secureHub is a hub that speaks TLS, and who has issued its certificate.
type secureHub struct {
	*process
	authority *authority
	// certificate and key are its files.
	certificate, key string
	// address is its HOST:PORT.
	address string
}

func startSecureHub(t *testing.T, flags ...string) *secureHub {
	t.Helper()
	a := newAuthority(t)
	certificate, key := a.issue(t, []string{"hub.example"}, nil).files(t)
	p := startHub(t, nil, append([]string{"--tls-cert=" + certificate, "--tls-key=" + key}, flags...)...)
	return &secureHub{p, a, certificate, key, addressOf(t, p.page)}
}

// get asks for a path over TLS.
func (h *secureHub) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: h.authority.trusting(""), DisableKeepAlives: true}, Timeout: patience}
	response, err := web.Get(h.page + path)
	if err != nil {
		t.Fatalf("get %s: %v", path, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// dialRaw opens a TCP connection that a test does not wait for longer than it has patience.
func dialRaw(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// dial opens a connection and shakes hands, with a version or any.
func (h *secureHub) dial(t *testing.T, version uint16) *tls.Conn {
	t.Helper()
	config := h.authority.trusting("hub.example")
	config.MinVersion, config.MaxVersion = version, version
	conn := tls.Client(dialRaw(t, h.address), config)
	if err := conn.Handshake(); err != nil {
		t.Fatalf("shake hands: %v", err)
	}
	return conn
}

// awaitConnections waits until the hub has that many.
func (h *secureHub) awaitConnections(t *testing.T, want uint64) {
	t.Helper()
	h.awaitMetric(t, "spokehub_connections", float64(want))
}

// awaitMetric waits until a metric without labels has that value.
func (h *secureHub) awaitMetric(t *testing.T, name string, want float64) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); ; <-again.C {
		got := metric(t, h.process, name)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %s %v, want %v", name, got, want)
		}
	}
}

// metric is the value of a metric without labels.
func metric(t *testing.T, p *process, name string) float64 {
	t.Helper()
	_, _, body := get(t, p.admin+"metrics")
	_, rest, found := strings.Cut(body, "\n"+name+" ")
	var value float64
	if _, err := fmt.Sscan(rest, &value); !found || err != nil {
		t.Fatalf("got no metric %s (%v), want one", name, err)
	}
	return value
}

// spokeOver is a WebSocket client over any stream: a connection of this process, or the pipes of another.
type spokeOver struct {
	stream io.ReadWriter
}

// upgradeOver shakes WebSocket hands.
func upgradeOver(t *testing.T, stream io.ReadWriter, address string) spokeOver {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	rest, _, err := ws.Dialer{}.Upgrade(stream, target)
	if err != nil {
		t.Fatalf("upgrade: %v", err)
	}
	if rest == nil {
		return spokeOver{stream}
	}
	return spokeOver{struct {
		io.Reader
		io.Writer
	}{bufio.NewReader(io.MultiReader(rest, stream)), stream}}
}

func (s spokeOver) send(t *testing.T, format string, arguments ...any) {
	t.Helper()
	if err := s.trySend(format, arguments...); err != nil {
		t.Fatalf("send: %v", err)
	}
}

// trySend sends to a hub that may have closed the spoke. It writes the frame at once: what s_client reads that begins with a letter is
// a command to it, and a masked payload may begin with any byte.
func (s spokeOver) trySend(format string, arguments ...any) error {
	frame, err := ws.CompileFrame(ws.MaskFrame(ws.NewTextFrame(fmt.Appendf(nil, format, arguments...))))
	if err != nil {
		return err
	}
	_, err = s.stream.Write(frame)
	return err
}

func (s spokeOver) receive(t *testing.T) string {
	t.Helper()
	message, err := wsutil.ReadServerText(s.stream)
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	return string(message)
}

// expect receives a message and compares.
func (s spokeOver) expect(t *testing.T, want string) {
	t.Helper()
	if got := s.receive(t); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

// subscribe returns once the subscription is in force.
func (s spokeOver) subscribe(t *testing.T, topic string) {
	t.Helper()
	s.send(t, `{"type":"__subscribe","id":"1","payload":{"topic":%q}}`, topic)
	s.expect(t, fmt.Sprintf(`{"type":"__ack","id":"1","payload":{"topics":[%q]}}`, topic))
}

// getsEvents subscribes and publishes, and says that what is published arrives.
func (s spokeOver) getsEvents(t *testing.T, p *process) {
	t.Helper()
	s.subscribe(t, "news")
	if status, body := post(t, p.admin+"publish", "", `{"type":"news","payload":"fresh"}`); status != http.StatusOK {
		t.Fatalf("got %d %s for what was published, want 200", status, body)
	}
	s.expect(t, `{"type":"news","id":"","payload":"fresh"}`)
}

// closed reads up to the close frame, answers it, and returns its code and how the stream ended behind it: nil is an end in order.
func (s spokeOver) closed(t *testing.T) (code ws.StatusCode, end error) {
	t.Helper()
	for {
		frame, err := ws.ReadFrame(s.stream)
		if err != nil {
			t.Fatalf("got the error %v, want a close frame", err)
		}
		if frame.Header.OpCode != ws.OpClose {
			continue
		}
		code, _ = ws.ParseCloseFrameData(frame.Payload)
		if err := ws.WriteFrame(s.stream, ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(code, "")))); err != nil {
			t.Logf("answer the close: %v", err)
		}
		rest, err := io.ReadAll(s.stream)
		if len(rest) > 0 {
			t.Errorf("got %d bytes behind the close frame, want none", len(rest))
		}
		return code, err
	}
}
