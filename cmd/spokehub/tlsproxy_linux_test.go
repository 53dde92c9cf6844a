package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// throughTLS is HAProxy in TCP mode, which leaves TLS to the hub and says who the client is.
func throughTLS(t *testing.T, _, hub, _ string) string {
	return "defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 1m\n    timeout server 1m\nfrontend public\n    bind fd@3\n    default_backend hub\n" +
		"backend hub\n    server hub " + hub + " send-proxy-v2\n"
}

// TestHAProxyThatPassesTLSThrough: TLS ends at the hub, which sees the client's address by the PROXY protocol.
func TestHAProxyThatPassesTLSThrough(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t, "--listen=127.0.0.1:0,proxy-protocol", "--trusted-proxy=127.0.0.1", "--max-connections-per-address=1")
	behind := *hub.process
	behind.websocket = hub.websockets(t)[1]
	address := front{"haproxy", throughTLS, []string{"-db", "-f"}, nil}.before(t, &behind)
	for _, from := range []string{"127.0.0.2", "127.0.0.3"} {
		conn, _, err := hub.visit(t, from, address)
		if err != nil {
			t.Fatalf("from %s: got %v, want a connection", from, err)
		}
		(&client{conn: conn}).subscribe(t, "news")
	}
	_, response, err := hub.visit(t, "127.0.0.2", address)
	if err == nil || response == nil || response.StatusCode != http.StatusTooManyRequests {
		t.Fatalf("a second one of an address: got %v, %v; want 429", response, err)
	}
	if got, _ := hub.output.await(t, "handshake refused")["address"].(string); !strings.HasPrefix(got, "127.0.0.2:") {
		t.Errorf("got the address %q logged, want 127.0.0.2", got)
	}
}

// TestNginxThatSpeaksTLSToTheHub encrypts again and verifies the hub's certificate.
func TestNginxThatSpeaksTLSToTheHub(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t, "--trusted-proxy=127.0.0.1", "--max-connections-per-address=1")
	nginx := front{"nginx", func(t *testing.T, address, target, directory string) string {
		location := strings.Replace(snippet(t, "nginx", target), "proxy_pass http://", "proxy_ssl_verify on; proxy_ssl_trusted_certificate "+hub.authority.file+
			"; proxy_ssl_name hub.example; proxy_ssl_server_name on; proxy_pass https://", 1)
		return nginxWith(t, address, directory, location)
	}, []string{"-c"}, nil}
	address := nginx.before(t, hub.process)
	for _, from := range []string{"127.0.0.2", "127.0.0.3"} {
		conn, _, err := visit(t, from, address)
		if err != nil {
			t.Fatalf("from %s: got %v, want a connection", from, err)
		}
		(&client{conn: conn}).subscribe(t, "news")
	}
	if _, response, err := visit(t, "127.0.0.2", address); err == nil || response == nil || response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a second one of an address: got %v, %v; want 429", response, err)
	}
}

// websockets are the URLs of all addresses.
func (h *secureHub) websockets(t *testing.T) []string {
	t.Helper()
	listed, _ := h.start["websockets"].([]any)
	var urls []string
	for _, url := range listed {
		urls = append(urls, url.(string))
	}
	return urls
}

// visit connects over TLS to the proxy, from an address of the loopback network.
func (h *secureHub) visit(t *testing.T, from, address string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	web := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: h.authority.trusting("hub.example"), DisableKeepAlives: true}}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	conn, response, err := websocket.Dial(ctx, "wss://"+address+"/ws", &websocket.DialOptions{HTTPClient: web})
	if conn != nil {
		t.Cleanup(func() { conn.CloseNow() })
	}
	return conn, response, err
}
