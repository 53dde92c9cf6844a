package main

import (
	"bytes"
	"context"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
)

// curl runs curl, which trusts the authority of the hub.
func (h *secureHub) curl(t *testing.T, arguments ...string) (stdout, stderr string, err error) {
	t.Helper()
	path, err := exec.LookPath("curl")
	if err != nil {
		unavailable(t, "curl is not installed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, path, append([]string{"--silent", "--show-error", "--cacert", h.authority.file}, arguments...)...)
	var out, failure bytes.Buffer
	command.Stdout, command.Stderr = &out, &failure
	err = command.Run()
	return out.String(), failure.String(), err
}

func TestCurlOverTLS(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t)
	plain, long := strings.Replace(hub.page, "https:", "http:", 1), writeFile(t, "long", strings.Repeat("x", 1<<20))
	for name, c := range map[string]struct {
		arguments []string
		wants     []string
	}{
		"gets the page":                     {[]string{hub.page}, []string{"<!doctype html>"}},
		"gets the health, offering HTTP/2":  {[]string{"--http2", "--include", hub.page + "healthz"}, []string{"HTTP/1.1 200 OK", "alive"}},
		"over TLS 1.2":                      {[]string{"--tls-max", "1.2", hub.page + "readyz"}, []string{"ready"}},
		"asks twice on a connection":        {[]string{"--write-out", "%{num_connects} ", hub.page + "healthz", hub.page + "healthz"}, []string{"alive\n1 alive\n0 "}},
		"is told to speak TLS":              {[]string{"--include", plain}, []string{"400 Bad Request", "this port speaks TLS", "https://"}},
		"is told to speak TLS, with a body": {[]string{"--include", "--data", "@" + long, "--header", "Expect:", plain + "publish"}, []string{"400 Bad Request", "this port speaks TLS"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, complaint, err := hub.curl(t, c.arguments...)
			for _, want := range c.wants {
				if !strings.Contains(got, want) {
					t.Errorf("got %.300q, %q and %v, want %q", got, complaint, err, want)
				}
			}
		})
	}
}

func TestCurlUpgradesOverTLS(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t)
	got := make(chan string, 1)
	go func() {
		out, _, _ := hub.curl(t, "--include", "--http1.1", "--no-buffer", "--header", "Connection: Upgrade", "--header", "Upgrade: websocket",
			"--header", "Sec-WebSocket-Version: 13", "--header", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", strings.Replace(hub.websocket, "wss:", "https:", 1))
		got <- out
	}()
	hub.awaitMetric(t, "spokehub_handshakes_total", 1)
	hub.terminate(t)
	if out := <-got; !strings.HasPrefix(out, "HTTP/1.1 101 ") || !strings.Contains(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") || !strings.Contains(out, "\x03\xf4{\"retry_after_ms\":") {
		t.Errorf("got %q, want 101 and the close frame of the drain", out)
	}
}

func TestCurlThatDoesNotTrustTheHubSaysSoAndSoDoesTheHub(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t)
	other := &secureHub{process: hub.process, authority: newAuthority(t)}
	if _, complaint, err := other.curl(t, hub.page); err == nil || !strings.Contains(complaint, "certificate") {
		t.Errorf("got %q and %v, want a complaint about the certificate", complaint, err)
	}
	record := hub.output.await(t, "TLS handshake failed")
	if hint, _ := record["hint"].(string); !strings.Contains(hint, "trust") {
		t.Errorf("got the line %v, want a hint at trust", record)
	}
}

func TestCurlOverTLSAtAPlainAddressIsExplained(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	secure := &secureHub{process: hub, authority: newAuthority(t)}
	if _, complaint, err := secure.curl(t, strings.Replace(hub.page, "http:", "https:", 1)); err == nil {
		t.Errorf("got %q, want an error", complaint)
	}
	reason, _ := hub.output.await(t, "handshake refused")["reason"].(string)
	if !strings.Contains(reason, "TLS") {
		t.Errorf("got the reason %q logged, want that the client speaks TLS", reason)
	}
}

func TestGoClientsOverTLS(t *testing.T) {
	t.Parallel()
	t.Run("coder", func(t *testing.T) {
		hub := startSecureHub(t)
		c, err := connectTLS(t, hub.websocket, hub.authority.trusting("hub.example"), nil)
		if err != nil {
			t.Fatal(err)
		}
		c.subscribe(t, "news")
		post(t, hub.admin+"publish", "", `{"type":"news","payload":1}`)
		if got, want := c.receive(t), `{"type":"news","id":"","payload":1}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		hub.signal(t, syscall.SIGTERM)
		if got := c.closed(t); got.Code != websocket.StatusServiceRestart {
			t.Errorf("got the close %v, want 1012", got)
		}
	})
	t.Run("gorilla", func(t *testing.T) {
		hub := startSecureHub(t)
		dialer := gorilla.Dialer{TLSClientConfig: hub.authority.trusting("hub.example")}
		conn, _, err := dialer.Dial(hub.websocket, http.Header{})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.WriteMessage(gorilla.TextMessage, []byte(`{"type":"__subscribe","id":"1","payload":{"topic":"news"}}`)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := conn.ReadMessage(); err != nil || string(got) != `{"type":"__ack","id":"1","payload":{"topics":["news"]}}` {
			t.Fatalf("got %s and %v, want an ack", got, err)
		}
		post(t, hub.admin+"publish", "", `{"type":"news","payload":1}`)
		if _, got, err := conn.ReadMessage(); err != nil || string(got) != `{"type":"news","id":"","payload":1}` {
			t.Errorf("got %s and %v, want the event", got, err)
		}
		hub.signal(t, syscall.SIGTERM)
		if _, _, err := conn.ReadMessage(); !gorilla.IsCloseError(err, gorilla.CloseServiceRestart) {
			t.Errorf("got %v, want the close code 1012", err)
		}
	})
	t.Run("gobwas over crypto/tls", func(t *testing.T) {
		hub := startSecureHub(t)
		s := upgradeOver(t, hub.dial(t, 0), hub.websocket)
		s.getsEvents(t, hub.process)
		hub.signal(t, syscall.SIGTERM)
		if code, end := s.closed(t); code != 1012 || end != nil {
			t.Errorf("got the code %v and the end %v, want 1012 and io.EOF", code, end)
		}
	})
}
