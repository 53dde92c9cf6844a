package fanout

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestAPeerThatHasEndedItsSideIsToldWhyItIsClosed(t *testing.T) {
	const handshake = "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
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
		"after a goodbye":       {handshake + string(ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewCloseFrame(nil)))), "\x88\x00"},
		"after a breach":        {handshake + string(ws.MustCompileFrame(ws.NewTextFrame([]byte("unmasked")))), "\x03\xea"},
		"when it was refused":   {strings.Replace(handshake, "13", "12", 1), "HTTP/1.1 426"},
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
