package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/internal/loadtest"
)

func TestBenchReportsWhatSubscribersGot(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	page := filepath.Join(t.TempDir(), "bench.html")
	stdout, stderr, code := runBinary(t, nil, "bench", hub.websocket, "-c", "20", "--rate", "50", "--duration", "1s", "--json", "--html", page, "--timeout", "50s")
	var result loadtest.Result
	if err := json.Unmarshal([]byte(stdout), &result); err != nil || code != exitOK || stderr != "" {
		t.Fatalf("got exit code %d, %q and %q, %v, want 0 and JSON", code, stdout, stderr, err)
	}
	if result.Delivered != 1000 || result.Lost != 0 || result.Latency.P50 <= 0 {
		t.Errorf("got %+v, want 1000 deliveries", result)
	}
	if written, err := os.ReadFile(page); err != nil || !strings.Contains(string(written), "<svg") {
		t.Errorf("got a page of %d bytes, %v, want one with plots", len(written), err)
	}
	stdout, stderr, code = runBinary(t, nil, "bench", hub.websocket, "-c", "2", "--rate", "20", "--duration", "200ms", "--timeout", "50s")
	if code != exitOK || stderr != "" || !strings.Contains(stdout, "delivered    8 of 8; lost 0, doubled 0, out of order 0") {
		t.Errorf("got exit code %d, %q and %q, want a report", code, stdout, stderr)
	}
}

func TestBenchEndsWithTheCodeThatSaysWhy(t *testing.T) {
	t.Parallel()
	forbidding := startHub(t, nil, "--max-topics", "1")
	strict := startHub(t, nil, "--max-events-per-second", "100").websocket
	closing := startScripted(t, func(ws *websocket.Conn, _ string) { ws.Close(4403, "") })
	for name, c := range map[string]struct {
		arguments []string
		code      int
		says      string
	}{
		"no connections":       {[]string{"-c", "0"}, exitUsage, "connections"},
		"too many connections": {[]string{"-c", "100000000"}, exitUsage, "ulimit -n"},
		"a size that is small": {[]string{"--size", "3"}, exitUsage, "size"},
		"a rate no number":     {[]string{"--rate", "nan"}, exitUsage, "rate"},
		"a rate too high":      {[]string{"--rate", "1e9"}, exitUsage, "rate"},
		"too many events":      {[]string{strict, "-c", "1", "--rate", "5000", "--duration", "50s"}, exitRefused, "--rate"},
		"a long payload":       {[]string{strict, "-c", "1", "--rate", "1", "--size", "3000000"}, exitRefused, "--max-message"},
		"no hub":               {[]string{"ws://127.0.0.1:1"}, exitUnreachable, "is the hub running"},
		"a hub that closes":    {[]string{closing, "-c", "1"}, exitRefused, "4403"},
		"a page that can't be": {[]string{forbidding.websocket, "-c", "1", "--duration", "10ms", "--html", "/nowhere/x"}, exitFailure, "--html"},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := runBinary(t, nil, append([]string{"bench"}, c.arguments...)...)
			if code != c.code || !strings.Contains(stderr, c.says) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("got exit code %d and %q, want %d and a line with %q", code, stderr, c.code, c.says)
			}
		})
	}
}
