package fanout_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// find returns the first line that has a part.
func (b *logBook) find(part string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.lines {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

// secrets are what no log line and no answer may have.
var secrets = []string{"s3cret-query", "s3cret-bearer", "s3cret-cookie", "s3cret-protocol"}

const secretFields = "Authorization: Bearer s3cret-bearer\r\nCookie: token=s3cret-cookie\r\nSec-WebSocket-Protocol: bearer.s3cret-protocol\r\n"

// secretHandshake is a handshake with a secret in each place where one may be.
var secretHandshake = strings.Replace(handshakeHead, "GET /ws ", "GET /ws?token=s3cret-query ", 1) + secretFields

func TestARefusedHandshakeIsExplainedInTheLogAndTheAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		cfg    fanout.Config
		fields string
		status int
		line   []string
		body   []string
	}{
		"an Origin of another host": {fanout.Config{}, "Origin: https://app.example\r\n", 403,
			[]string{"origin=https://app.example", "host=hub.test", "path=/ws", "status=403", "reason="},
			[]string{`Origin "https://app.example" does not match Host "hub.test"`, "proxy_set_header Host", "--origin", "--trusted-proxy"}},
		"an Origin that is not listed": {fanout.Config{Origins: []string{"https://other.example"}}, "Origin: https://app.example\r\n", 403,
			[]string{"origin=https://app.example", "status=403"}, []string{`"https://app.example" is none of those`, "--origin"}},
		"an Origin with markup": {fanout.Config{}, "Origin: https://<script>alert(1)</script>\r\n", 403,
			[]string{"status=403"}, []string{"?script?"}},
		"a Host of another name": {fanout.Config{Hosts: []string{"other.example"}}, "", 421,
			[]string{"host=hub.test", "status=421"}, []string{`Host "hub.test"`, "--host"}},
		"a field that is repeated": {fanout.Config{}, "Sec-WebSocket-Version: 13\r\n", 400, []string{"host=hub.test", "path=/ws", "status=400"}, []string{"repeated"}},
		"an address over its limit": {fanout.Config{MaxHandshakesPerAddress: 1, MaxConnectionsPerAddress: 1, TrustedProxies: localProxies()}, "X-Forwarded-For: 192.0.2.7\r\n", 429,
			[]string{"address=192.0.2.7:0", "status=429", "path=/ws"}, []string{"address"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachWayIn(t, c.cfg, func(t *testing.T, h *testHub, address string) {
				if c.status == 429 {
					ask(t, address, "X-Forwarded-For: 192.0.2.7").accepted()
					receive(t, h.connected, "the first")
				}
				peer := dial(t, "tcp", address)
				peer.write([]byte(secretHandshake + c.fields + "\r\n"))
				response := peer.response()
				body, _ := io.ReadAll(response.Body)
				expect(t, "status", response.StatusCode, c.status)
				until(t, "the line is there", func() bool { return h.log.count("INFO", "handshake refused") == 1 })
				line := h.log.find("handshake refused")
				for _, part := range append(c.line, "address=") {
					if !strings.Contains(line, part) {
						t.Errorf("got the line %s, want %s in it", line, part)
					}
				}
				for _, part := range c.body {
					if !strings.Contains(string(body), part) {
						t.Errorf("got the answer %q, want %s in it", body, part)
					}
				}
				for _, secret := range secrets {
					if h.log.find(secret) != "" || strings.Contains(string(body), secret) {
						t.Errorf("got %s in the line %s or the answer %q, want it nowhere", secret, line, body)
					}
				}
			})
		})
	}
}

// untilItEnds is a hook that does not decide.
func untilItEnds(ctx context.Context, _ *fanout.Handshake) (fanout.Identity, error) {
	<-ctx.Done()
	return fanout.Identity{}, ctx.Err()
}

func TestAHandshakeThatWasNotReadToItsEndIsLoggedWithItsBeginning(t *testing.T) {
	shutDown := func(h *testHub) { go h.hub.Shutdown(context.Background()) }
	const begun = "GET /ws?token=s3cret-query HTTP/1.1\r\nHost: hub.test\r\nOrigin: https://app.example\r\nCookie: token=s3cret-cookie"
	for name, c := range map[string]struct {
		cfg    fanout.Config
		sent   string
		status string
		cause  func(*testHub)
	}{
		"too long":          {fanout.Config{}, begun + strings.Repeat("s3cret-cookie", 2000), "status=431", nil},
		"too slow":          {fanout.Config{HandshakeTimeout: 100 * time.Millisecond}, begun, "status=408", nil},
		"a malformed field": {fanout.Config{}, begun + "\r\nAuthorization : s3cret-bearer\r\n\r\n", "status=400", nil},
		"a bare line feed":  {fanout.Config{}, begun + "\r\nAuthorization: s3cret-bearer\n\r\n", "status=400", nil},
		"a shutdown ahead":  {fanout.Config{}, begun, "status=503", shutDown},
		"a hook under way behind a proxy": {fanout.Config{OnHandshake: untilItEnds, Origins: []string{"*"}, TrustedProxies: localProxies()},
			strings.Replace(begun, "Host: hub.test", "Host: inner.test\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Host: hub.test", 1) + "\r\n" + strings.SplitAfterN(handshakeHead, "\r\n", 3)[2] + "\r\n", "status=503", shutDown},
		"a hook under way": {fanout.Config{OnHandshake: untilItEnds, Origins: []string{"*"}}, begun + "\r\n" + strings.SplitAfterN(handshakeHead, "\r\n", 3)[2] + "\r\n", "status=503", shutDown},
	} {
		t.Run(name, func(t *testing.T) {
			h := newTestHub(t, c.cfg)
			l := listenTCP(t)
			peer := dial(t, "tcp", l.Addr().String())
			peer.write([]byte(c.sent))
			h.serveOn(l)
			if c.cause != nil {
				until(t, "the handshake has begun", func() bool { return h.hub.Stats().Memory.Handshakes > 0 })
				c.cause(h)
			}
			until(t, "the line is there", func() bool { return h.log.count("INFO", "handshake refused") == 1 })
			peer.conn.Close()
			line := h.log.find("handshake refused")
			for _, part := range []string{"origin=https://app.example", "host=hub.test", "path=/ws ", c.status} {
				if !strings.Contains(line, part) {
					t.Errorf("got the line %s, want %s in it", line, part)
				}
			}
			for _, secret := range secrets {
				expect(t, secret, h.log.find(secret), "")
			}
		})
	}
}

func TestAHandshakeForAnotherPathIsLogged(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	peer := dial(t, "tcp", h.serve())
	peer.write([]byte(strings.Replace(handshakeRequest, "/ws", "/socket?token=s3cret-query", 1)))
	expect(t, "status", peer.response().StatusCode, http.StatusNotFound)
	expect(t, "lines", h.log.count("DEBUG", "path=/socket"), 1)
	expect(t, "secrets", h.log.find("s3cret-query"), "")
}

func TestRefusedHandshakesAreLoggedAtALimitedRate(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	address := h.serve()
	const refusals = 200
	for range refusals {
		peer := dial(t, "tcp", address)
		peer.write([]byte("GARBAGE\r\n\r\n"))
		expect(t, "status", peer.response().StatusCode, http.StatusBadRequest)
		peer.conn.Close()
	}
	expect(t, "refused", h.hub.Stats().Refusals[http.StatusBadRequest], refusals)
	if got := h.log.count("INFO", "handshake refused"); got < 10 || got > refusals/4 {
		t.Errorf("got %d lines, want 10 and a few more", got)
	}
}

func TestWhatAStrangerSentIsCutInTheLog(t *testing.T) {
	h := newTestHub(t, fanout.Config{})
	peer := dial(t, "tcp", h.serve())
	peer.write([]byte(handshakeHead + "Origin: https://\u202e\xff" + strings.Repeat("x", 4000) + "\r\n\r\n"))
	expect(t, "status", peer.response().StatusCode, http.StatusForbidden)
	line := h.log.find("handshake refused")
	if len(line) > 1000 || strings.Contains(line, "\u202e") || strings.Contains(line, "\xff") || !strings.Contains(line, "...") {
		t.Errorf("got the line %q, want it short and plain", line)
	}
}

func TestAConnectionOverALimitThatIsAddedIsLogged(t *testing.T) {
	h := newTestHub(t, fanout.Config{MaxConnections: 1})
	h.join()
	_, there := pair(t, "tcp")
	if _, err := h.hub.AddConnection(there); err == nil {
		t.Fatal("got a second connection added, want an error")
	}
	expect(t, "lines", h.log.count("INFO", "status=503"), 1)
}
