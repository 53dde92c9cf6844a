package fanout

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/spokehub/spokehub/event"
)

const goodHandshake = "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

func TestAPeerThatHasEndedItsSideIsToldWhyItIsClosed(t *testing.T) {
	hub, err := New(Config{Reactors: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hub.Shutdown(t.Context()) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	go hub.Serve(l)
	for name, c := range map[string]struct {
		said, want string
	}{
		"after a goodbye":       {goodHandshake + string(ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewCloseFrame(nil)))), "\x88\x00"},
		"after a breach":        {goodHandshake + string(ws.MustCompileFrame(ws.NewTextFrame([]byte("unmasked")))), "\x03\xea"},
		"when it was refused":   {strings.Replace(goodHandshake, "13", "12", 1), "HTTP/1.1 426"},
		"when it made no sense": {"GET /ws HTTP/1.0\r\n\r\n", "HTTP/1.1 505"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 50 {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				conn.SetDeadline(time.Now().Add(10 * time.Second))
				io.WriteString(conn, c.said)
				conn.(*net.TCPConn).CloseWrite()
				answer, err := io.ReadAll(conn)
				conn.Close()
				if got := string(answer); err != nil || !strings.Contains(got, c.want) {
					t.Fatalf("got %q and %v, want %q in it and an orderly end", got, err, c.want)
				}
			}
		})
	}
	if got := hub.Stats().Refusals[http.StatusUpgradeRequired]; got != 50 {
		t.Errorf("got %d refusals with 426, want 50", got)
	}
}

func TestAPeerThatHasEndedItsSideGetsWhatWaitsForItAndWhy(t *testing.T) {
	const events, turns = 200, 50
	hub, err := New(Config{Reactors: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hub.Shutdown(t.Context()) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go hub.Serve(l)
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, goodHandshake)
	conn.Write(ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte(`{"type":"__subscribe","payload":{"topic":"tick"}}`)))))
	for hub.Stats().Subscriptions == 0 {
	}
	payload := []byte(`"` + strings.Repeat("x", 4000) + `"`)
	for range events {
		hub.DispatchEvent(event.Event{Type: "tick", Payload: payload})
	}
	for hub.Stats().Blocked == 0 {
	}
	conn.Write(ws.MustCompileFrame(ws.NewTextFrame([]byte("unmasked"))))
	conn.(*net.TCPConn).CloseWrite()
	for hub.Stats().Closes[1002] == 0 {
	}
	for range turns {
		hub.Stats()
	}
	answer, err := io.ReadAll(conn)
	if got := strings.Count(string(answer), `"type":"tick"`); got != events || err != nil || !strings.Contains(string(answer[len(answer)-40:]), "\x03\xea") {
		t.Errorf("got %d events, an end of %q and %v, want %d, 1002 and an orderly end", got, answer[max(len(answer)-40, 0):], err, events)
	}
}
