package main

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/gobwas/ws"
)

// chopped is a connection that writes each TLS record as many of a few bytes.
type chopped struct {
	net.Conn
	size int
	left int
}

// Write chops the records of the first writes; what comes later is encrypted and has to stay whole.
func (c *chopped) Write(p []byte) (int, error) {
	if c.left == 0 {
		return c.Conn.Write(p)
	}
	c.left--
	var out []byte
	for rest := p; len(rest) > 5; {
		size := int(rest[3])<<8 | int(rest[4])
		for body := rest[5 : 5+size]; len(body) > 0; {
			n := min(c.size, len(body))
			out = append(out, rest[0], rest[1], rest[2], byte(n>>8), byte(n))
			out = append(out, body[:n]...)
			body = body[n:]
		}
		rest = rest[5+size:]
	}
	if _, err := c.Conn.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// cutOff is a connection that sends only the beginning of what is written to it once it has been told to.
type cutOff struct {
	net.Conn
	isCut bool
}

func (c *cutOff) Write(p []byte) (int, error) {
	if c.isCut {
		n, err := c.Conn.Write(p[:len(p)/2])
		return max(n, len(p)), err
	}
	return c.Conn.Write(p)
}

func inHex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// longHello are protocols that make a hello about as long as that.
func longHello(size int) []string {
	protocols := []string{"http/1.1"}
	for n := 0; n < size; n += 256 {
		protocols = append(protocols, strings.Repeat("x", 255))
	}
	return protocols
}

func TestHellosOfAnyShape(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t)
	for name, c := range map[string]struct {
		size      int
		protocols []string
	}{
		"in records of one byte":            {1, nil},
		"in records of 7 bytes":             {7, nil},
		"of 16 KiB":                         {1 << 14, longHello(15 << 10)},
		"of 16 KiB in records of 100 bytes": {100, longHello(15 << 10)},
	} {
		t.Run(name, func(t *testing.T) {
			config := hub.authority.trusting("hub.example")
			config.NextProtos = c.protocols
			conn := tls.Client(&chopped{dialRaw(t, hub.address), c.size, 1}, config)
			if err := conn.Handshake(); err != nil {
				t.Fatalf("got %v, want a handshake", err)
			}
			upgradeOver(t, conn, hub.websocket).getsEvents(t, hub.process)
		})
	}
}

func TestWhatIsNoHelloIsTurnedDown(t *testing.T) {
	t.Parallel()
	const (
		alert = "\x15\x03"
		told  = "HTTP/1.1 400 Bad Request"
	)
	hub := startSecureHub(t, "--handshake-timeout=10s")
	for name, c := range map[string]struct {
		sent  []byte
		wants string
	}{
		"a hello of SSLv2":               {inHex(t, "802e 01 0002 0015 0000 0010 010080 020080 030080 040080 050080 060040 0700c0"+strings.Repeat("42", 16)), told},
		"a hello of SSLv3":               {inHex(t, "160300002d 01000029 0300"+strings.Repeat("42", 32)+"00 0002 0005 0100"), alert},
		"a hello of TLS 1.1":             {inHex(t, "160301002d 01000029 0302"+strings.Repeat("42", 32)+"00 0002 c013 0100"), alert},
		"a record longer than allowed":   {append(inHex(t, "160301ffff"), make([]byte, 1<<14+2048)...), alert},
		"a hello longer than allowed":    {append(inHex(t, "1603014000 01ffffff"), make([]byte, 1<<14-4)...), alert},
		"an empty record":                {inHex(t, strings.Repeat("1603010000", 40)), alert},
		"something else than a hello":    {inHex(t, "1603010004 02000000"), alert},
		"an alert":                       {inHex(t, "15030100020228"), told},
		"data ahead of the handshake":    {inHex(t, "170303000568656c6c6f"), told},
		"a request by HTTP":              {[]byte("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), told},
		"a request by HTTP/2":            {[]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), told},
		"a header of the PROXY protocol": {[]byte("PROXY TCP4 192.0.2.7 192.0.2.1 1234 443\r\n"), told},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dialRaw(t, hub.address)
			if _, err := conn.Write(c.sent); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(conn)
			if err != nil && !errors.Is(err, syscall.ECONNRESET) || !bytes.HasPrefix(got, []byte(c.wants)) {
				t.Errorf("got %.60q and %v, want %q", got, err, c.wants)
			}
		})
	}
	hub.endsWithoutComplaint(t)
}

// endsWithoutComplaint says that nobody is connected, that the hub serves and drains, and that its log has nothing graver than information.
func (h *secureHub) endsWithoutComplaint(t *testing.T) {
	t.Helper()
	h.awaitConnections(t, 0)
	if _, body := h.get(t, "healthz"); body != "alive\n" {
		t.Errorf("got %q, want alive", body)
	}
	h.terminate(t)
	if text := h.output.String(); strings.Contains(text, `"level":"ERROR"`) || strings.Contains(text, `"level":"WARN"`) {
		t.Errorf("got errors or warnings in the log, want none:\n%s", text)
	}
}

// sendHalfAHello begins a handshake that nobody goes on with.
func (h *secureHub) sendHalfAHello(t *testing.T) *net.TCPConn {
	t.Helper()
	half := dialRaw(t, h.address)
	if _, err := half.Write(inHex(t, "16030100f0 010000ec 0303 424242")); err != nil {
		t.Fatal(err)
	}
	return half
}

func TestHalfAHelloIsAnUnfinishedHandshake(t *testing.T) {
	hub := startSecureHub(t, "--first-byte-timeout=1m", "--handshake-timeout=1m", "--max-handshakes-per-address=1")
	half := hub.sendHalfAHello(t)
	hub.awaitConnections(t, 1)
	if status, body := statusOver(t, hub.process, hub.authority.trusting(""), ""); status != http.StatusTooManyRequests {
		t.Errorf("got %d %q for a second handshake beside an unfinished one, want 429", status, body)
	}
	half.Close()
	hub.endsWithoutComplaint(t)
}

func TestHalfAHelloEndsWithTheTimeOfAHandshake(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t, "--first-byte-timeout=1s", "--handshake-timeout=1s")
	half := hub.sendHalfAHello(t)
	if rest, err := io.ReadAll(half); len(rest) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %q and %v, want the end", rest, err)
	}
	hub.output.awaitText(t, "the TLS handshake took too long")
	hub.endsWithoutComplaint(t)
}

// TestSpokeEndsHoweverItsClientLeaves: what clients do when they crash, lose their network or know TLS badly is no fault of the hub's.
func TestSpokeEndsHoweverItsClientLeaves(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t)
	for name, leave := range map[string]func(t *testing.T, raw *net.TCPConn, cut *cutOff, conn *tls.Conn){
		"without a close notify": func(t *testing.T, raw *net.TCPConn, _ *cutOff, _ *tls.Conn) { raw.Close() },
		"by a reset": func(t *testing.T, raw *net.TCPConn, _ *cutOff, _ *tls.Conn) {
			_ = raw.SetLinger(0)
			raw.Close()
		},
		"by a reset within a record": func(t *testing.T, raw *net.TCPConn, cut *cutOff, conn *tls.Conn) {
			cut.isCut = true
			_, _ = conn.Write(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame(make([]byte, 1000)))))
			_ = raw.SetLinger(0)
			raw.Close()
		},
		"within a record": func(t *testing.T, raw *net.TCPConn, cut *cutOff, conn *tls.Conn) {
			cut.isCut = true
			_, _ = conn.Write(make([]byte, 1000))
			raw.CloseWrite()
			_, _ = io.Copy(io.Discard, raw)
		},
		"by a close notify and no close frame": func(t *testing.T, _ *net.TCPConn, _ *cutOff, conn *tls.Conn) {
			_ = conn.CloseWrite()
			if rest, err := io.ReadAll(conn); err != nil {
				t.Errorf("got %q and %v behind the close notify, want an answer in order", rest, err)
			}
		},
		"with a record that can't be opened": func(t *testing.T, raw *net.TCPConn, _ *cutOff, conn *tls.Conn) {
			_, _ = raw.Write(append(inHex(t, "1703030020"), make([]byte, 32)...))
			if _, err := io.ReadAll(conn); err == nil || !strings.Contains(err.Error(), "bad record MAC") {
				t.Errorf("got the end %v, want an alert", err)
			}
		},
		"with a request by HTTP": func(t *testing.T, raw *net.TCPConn, _ *cutOff, conn *tls.Conn) {
			_, _ = io.WriteString(raw, "GET / HTTP/1.1\r\n\r\n")
			if _, err := io.ReadAll(conn); err == nil || !strings.Contains(err.Error(), "alert") && !strings.Contains(err.Error(), "remote error") {
				t.Errorf("got the end %v, want an alert", err)
			}
		},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(name+" over "+tls.VersionName(version), func(t *testing.T) {
				raw := dialRaw(t, hub.address)
				cut := &cutOff{Conn: raw}
				config := hub.authority.trusting("hub.example")
				config.MinVersion, config.MaxVersion = version, version
				conn := tls.Client(cut, config)
				upgradeOver(t, conn, hub.websocket).subscribe(t, "news")
				leave(t, raw, cut, conn)
				hub.awaitConnections(t, 0)
			})
		}
	}
	hub.endsWithoutComplaint(t)
}

func TestSpokeEndsWhenItsClientIsKilled(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t)
	o := hub.openssl(t, "-quiet")
	upgradeOver(t, o, hub.websocket).getsEvents(t, hub.process)
	if err := o.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	hub.endsWithoutComplaint(t)
}

func TestKeyUpdatesWithoutEndEndTheSpoke(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t)
	t.Run("in a row, by an alert or a reset behind it", func(t *testing.T) {
		o := hub.openssl(t, "-tls1_3", "-brief")
		upgradeOver(t, o, hub.websocket).getsEvents(t, hub.process)
		for range 1000 {
			if o.carriesOut("K", "KEYUPDATE") != nil {
				break
			}
		}
		_, _ = io.Copy(io.Discard, o)
		said := o.ends()
		alerted, cutOff := strings.Contains(said, "alert unexpected message"), strings.Contains(said, "write:errno=")
		if !alerted && !cutOff {
			t.Errorf("openssl said\n%s\nwant an alert, or the write that failed before it was read", said)
		}
	})
	t.Run("among messages, by 1008", func(t *testing.T) {
		o := hub.openssl(t, "-tls1_3", "-brief")
		s := upgradeOver(t, o, hub.websocket)
		for n := range 1000 {
			if o.carriesOut("K", "KEYUPDATE") == nil {
				_ = s.trySend(`{"type":"__subscribe","id":"%d","payload":{"topic":"news"}}`, n)
			}
			frame, err := ws.ReadFrame(o)
			if err != nil {
				t.Fatalf("got %v after %d key updates, want a close frame", err, n)
			}
			if frame.Header.OpCode == ws.OpClose {
				if code, _ := ws.ParseCloseFrameData(frame.Payload); code != ws.StatusPolicyViolation || n < 10 {
					t.Errorf("got the close code %v after %d key updates, want 1008 after more", code, n)
				}
				return
			}
		}
		t.Error("got 1000 key updates through, want the spoke closed")
	})
	hub.endsWithoutComplaint(t)
}
