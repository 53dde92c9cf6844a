package main

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/gobwas/ws"
)

// closing is a way to be closed by the hub.
type closing struct {
	flags []string
	bring func(t *testing.T, hub *secureHub, s spokeOver)
	code  ws.StatusCode
}

var closings = map[string]closing{
	"for an unmasked frame": {nil, func(t *testing.T, _ *secureHub, s spokeOver) {
		_ = ws.WriteFrame(s.stream, ws.NewTextFrame([]byte("{}")))
	}, 1002},
	"for bytes that are no text": {nil, func(t *testing.T, _ *secureHub, s spokeOver) {
		_ = ws.WriteFrame(s.stream, ws.MaskFrame(ws.NewTextFrame([]byte{0xff})))
	}, 1007},
	"for a message over the limit": {[]string{"--max-message=1KiB", "--max-event=1KiB"}, func(t *testing.T, _ *secureHub, s spokeOver) {
		_ = ws.WriteFrame(s.stream, ws.MaskFrame(ws.NewTextFrame(make([]byte, 2000))))
	}, 1009},
	"over a rate": {[]string{"--max-events-per-second=2"}, func(t *testing.T, _ *secureHub, s spokeOver) {
		for range 20 {
			s.send(t, `{"type":"news"}`)
		}
	}, 1008},
	"by its own close": {nil, func(t *testing.T, _ *secureHub, s spokeOver) {
		_ = ws.WriteFrame(s.stream, ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(1000, ""))))
	}, 1000},
	"for its silence":     {[]string{"--ping-interval=200ms", "--peer-timeout=400ms"}, func(*testing.T, *secureHub, spokeOver) {}, 1001},
	"for want of a token": {[]string{"--jwt-key=KEY", "--handshake-timeout=5s", "--first-byte-timeout=5s"}, func(*testing.T, *secureHub, spokeOver) {}, 4401},
	"by a drain": {nil, func(t *testing.T, hub *secureHub, s spokeOver) {
		s.subscribe(t, "news")
		hub.signal(t, syscall.SIGTERM)
	}, 1012},
	"because it is slow": {[]string{"--queue-limit=64KiB", "--send-buffer=16KiB", "--ping-interval=0"}, func(t *testing.T, hub *secureHub, s spokeOver) {
		s.subscribe(t, "news")
		event := `{"type":"news","payload":"` + strings.Repeat("x", 30<<10) + `"}`
		for range 1000 {
			if status, body := post(t, hub.admin+"publish", "", event); status != http.StatusOK {
				t.Fatalf("got %d %s, want 200", status, body)
			}
			if metric(t, hub.process, "spokehub_backpressure_total") == 1 {
				return
			}
		}
		t.Fatal("got no backpressure, want some")
	}, 1013},
}

// TestCloseFrameComesAheadOfTheCloseNotify: without a notify crypto/tls says io.ErrUnexpectedEOF. Those that wait for want of a token wait
// side by side.
func TestCloseFrameComesAheadOfTheCloseNotify(t *testing.T) {
	t.Parallel()
	for name, c := range closings {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(name+" over "+tls.VersionName(version), func(t *testing.T) {
				if c.code == 4401 {
					t.Parallel()
				}
				hub := startSecureHub(t, c.flagsWithKey(t)...)
				s := upgradeOver(t, hub.dial(t, version), hub.websocket)
				c.bring(t, hub, s)
				if code, end := s.closed(t); code != c.code || end != nil {
					t.Errorf("got the code %v and the end %v, want %v and an end in order", code, end, c.code)
				}
			})
		}
	}
}

// flagsWithKey has a key where the flags want one.
func (c closing) flagsWithKey(t *testing.T) []string {
	var flags []string
	for _, flag := range c.flags {
		if flag == "--jwt-key=KEY" {
			_, public := makeKey(t, "EdDSA")
			flag = "--jwt-key=" + public
		}
		flags = append(flags, flag)
	}
	return flags
}

// TestClientThatDoesNotAnswerACloseGetsTheNotifyToo: the end behind the close frame does not wait for its answer.
func TestClientThatDoesNotAnswerACloseGetsTheNotifyToo(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t, "--close-timeout=1s")
	conn := hub.dial(t, 0)
	s := upgradeOver(t, conn, hub.websocket)
	_ = ws.WriteFrame(s.stream, ws.NewTextFrame([]byte("{}")))
	frame, err := ws.ReadFrame(s.stream)
	if err != nil || frame.Header.OpCode != ws.OpClose {
		t.Fatalf("got %v and %v, want a close frame", frame.Header, err)
	}
	if rest, err := io.ReadAll(conn); len(rest) > 0 || err != nil {
		t.Errorf("got %q and %v behind the close frame, want an end in order", rest, err)
	}
}
