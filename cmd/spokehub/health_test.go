package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestHealthTargets(t *testing.T) {
	t.Parallel()
	const certificate, authority = "--tls-cert=a.pem", "--tls-client-ca=ca.pem"
	for name, c := range map[string]struct {
		arguments []string
		want      healthTarget
		says      string
	}{
		"the admin address":               {nil, healthTarget{url: "http://127.0.0.1:8081/readyz"}, ""},
		"an admin address of all":         {[]string{"--admin=:9"}, healthTarget{url: "http://127.0.0.1:9/readyz"}, ""},
		"an admin address of all of IPv6": {[]string{"--admin=[::]:9"}, healthTarget{url: "http://[::1]:9/readyz"}, ""},
		"whether it is alive":             {[]string{"--alive"}, healthTarget{url: "http://127.0.0.1:8081/healthz"}, ""},
		"a public address":                {[]string{"--admin=", "--listen=0.0.0.0:80"}, healthTarget{url: "http://127.0.0.1:80/readyz"}, ""},
		"a public address with TLS":       {[]string{"--admin=", certificate}, healthTarget{url: "https://127.0.0.1:8080/readyz"}, ""},
		"one with the PROXY protocol":     {[]string{"--admin=", "--listen=:80,proxy-protocol"}, healthTarget{url: "http://127.0.0.1:80/readyz", header: "PROXY UNKNOWN\r\n"}, ""},
		"a Unix socket":                   {[]string{"--admin=", "--listen=unix:/run/a.sock,mode=0600"}, healthTarget{url: "http://localhost/readyz", socket: "/run/a.sock"}, ""},
		"none that asks for certificates": {[]string{"--admin=", certificate, authority, "--listen=:1", "--listen=:2,plain"}, healthTarget{url: "http://127.0.0.1:2/readyz"}, ""},
		"none that systemd opens":         {[]string{"--admin=", "--listen=systemd:a", "--listen=:2"}, healthTarget{url: "http://127.0.0.1:2/readyz"}, ""},
		"none that picks its port":        {[]string{"--admin=:0", "--listen=:0"}, healthTarget{}, "no address to ask"},
		"a URL":                           {[]string{"--url=https://hub.example:1/healthz"}, healthTarget{url: "https://hub.example:1/healthz"}, ""},
		"a URL without a path":            {[]string{"--url=http://127.0.0.1:1"}, healthTarget{url: "http://127.0.0.1:1/readyz"}, ""},
		"a URL of a Unix socket":          {[]string{"--url=http+unix:///run/a.sock:/healthz"}, healthTarget{url: "http://localhost/healthz", socket: "/run/a.sock"}, ""},
		"one of a socket without a path":  {[]string{"--url=https+unix:///run/a.sock"}, healthTarget{url: "https://localhost/readyz", socket: "/run/a.sock"}, ""},
		"one of a socket with a host":     {[]string{"--url=http+unix://run/a.sock"}, healthTarget{}, "third slash"},
		"a URL of clients":                {[]string{"--url=ws://127.0.0.1:8080/ws"}, healthTarget{}, "none of http://"},
		"a URL without a host":            {[]string{"--url=http:///readyz"}, healthTarget{}, "no host"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := parseSettings(append([]string{"health"}, c.arguments...), "", nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.line.Health.target()
			if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %+v and %v, want %+v and %q", got, err, c.want, c.says)
			}
		})
	}
}

// TestHealthFindsTheHubByItsVariables is what the health check of a container does.
func TestHealthFindsTheHubByItsVariables(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "hub.sock")
	environ := []string{"SPOKEHUB_LISTEN=unix:" + socket + ",mode=0600", "SPOKEHUB_ADMIN="}
	if _, stderr, code := runBinary(t, environ, "health"); code != exitFailure || !strings.Contains(stderr, "is the hub running") {
		t.Errorf("got exit code %d and %q without a hub, want 1 and the question", code, stderr)
	}
	hub := startHubOn(t, environ, "--drain-grace=1h", "--drain-timeout=2h")
	if stdout, stderr, code := runBinary(t, environ, "health"); code != exitOK || stdout != "ready\n" {
		t.Errorf("got exit code %d, %q and %q, want 0 and ready", code, stdout, stderr)
	}
	hub.signal(t, syscall.SIGTERM)
	hub.output.await(t, "draining")
	if _, stderr, code := runBinary(t, environ, "health"); code != exitFailure || !strings.Contains(stderr, "draining") {
		t.Errorf("got exit code %d and %q in a drain, want 1 and draining", code, stderr)
	}
	if stdout, stderr, code := runBinary(t, environ, "health", "--alive"); code != exitOK || stdout != "alive\n" {
		t.Errorf("got exit code %d, %q and %q in a drain, want that it is alive", code, stdout, stderr)
	}
}

func TestHealthOverTLSAndBehindThePROXYProtocol(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t)
	if stdout, stderr, code := runBinary(t, nil, "health", "--url=https://"+hub.address); code != exitOK || stdout != "ready\n" {
		t.Errorf("got exit code %d, %q and %q over TLS, want 0 and ready", code, stdout, stderr)
	}
	socket := filepath.Join(t.TempDir(), "hub.sock")
	flags := []string{"--admin=", "--listen=unix:" + socket + ",proxy-protocol,mode=0600", "--trusted-proxy=10.0.0.1"}
	startHubOn(t, nil, flags...)
	if stdout, stderr, code := runBinary(t, nil, append([]string{"health"}, flags...)...); code != exitOK || stdout != "ready\n" {
		t.Errorf("got exit code %d, %q and %q behind a PROXY header, want 0 and ready", code, stdout, stderr)
	}
}

// TestHealthWaitsNoLongerThanItsTimeout asks a server that never answers.
func TestHealthWaitsNoLongerThanItsTimeout(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if _, stderr, code := runBinary(t, nil, "health", "--timeout=50ms", "--url=http://"+silent.Addr().String()); code != exitFailure || !strings.Contains(stderr, "deadline exceeded") {
		t.Errorf("got exit code %d and %q, want 1 after the timeout", code, stderr)
	}
}

// TestHealthFollowsNoRedirect: another server at the address is no hub that is ready.
func TestHealthFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			http.Redirect(w, r, "/", http.StatusFound)
		}
	}))
	defer other.Close()
	if _, stderr, code := runBinary(t, nil, "health", "--url="+other.URL); code != exitFailure || !strings.Contains(stderr, "302") {
		t.Errorf("got exit code %d and %q, want 1 and the status", code, stderr)
	}
}
