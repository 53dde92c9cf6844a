package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// askOver asks for /readyz over TLS on a connection on which something is sent ahead, and returns the status.
func askOver(t *testing.T, network, address, ahead string, config *tls.Config) (int, error) {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, ahead)
	secure := tls.Client(conn, config)
	if _, err := fmt.Fprint(secure, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(bufio.NewReader(secure), nil)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	return response.StatusCode, nil
}

func TestProxyHeaderComesAheadOfTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	certificate, key := a.issue(t, []string{"hub.example"}, nil).files(t)
	p := startHubOn(t, nil, "--listen=127.0.0.1:0,proxy-protocol", "--admin=", "--tls-cert="+certificate, "--tls-key="+key)
	address := addressOf(t, p.page)
	if status, err := askOver(t, "tcp", address, "PROXY TCP4 192.0.2.7 192.0.2.1 1234 443\r\n", a.trusting("hub.example")); err != nil || status != http.StatusOK {
		t.Errorf("got %d and %v behind the header, want 200", status, err)
	}
	if status, err := askOver(t, "tcp", address, "", a.trusting("hub.example")); err == nil {
		t.Errorf("got %d without the header, want the connection refused", status)
	}
}

func TestUnixSocketSpeaksTLSWhereItIsToldTo(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	certificate, key := a.issue(t, []string{"hub.example"}, nil).files(t)
	path := filepath.Join(t.TempDir(), "hub.sock")
	startHubOn(t, nil, "--listen=unix:"+path+",tls", "--admin=", "--tls-cert="+certificate, "--tls-key="+key)
	if status, err := askOver(t, "unix", path, "", a.trusting("hub.example")); err != nil || status != http.StatusOK {
		t.Errorf("got %d and %v, want 200", status, err)
	}
}
