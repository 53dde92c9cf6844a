package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/auth"
)

// writeFile writes a file of the test and returns its name.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newAPIKey returns a key and the line of a file for it.
func newAPIKey(t *testing.T, name string) (key, line string) {
	t.Helper()
	key, line, err := auth.NewAPIKey(name)
	if err != nil {
		t.Fatal(err)
	}
	return key, line
}

func getWith(t *testing.T, url string, authorization ...string) (int, http.Header, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header["Authorization"] = authorization
	return fetch(t, request)
}

func TestAdminAddressAsksForAKey(t *testing.T) {
	t.Parallel()
	key, line := newAPIKey(t, "ci")
	stranger, _ := newAPIKey(t, "ci")
	hub := startHub(t, nil, "--log-level=debug", "--api-keys="+writeFile(t, "keys", line+"\n"))
	basic := func(password string) string {
		request := &http.Request{Header: http.Header{}}
		request.SetBasicAuth("anyone", password)
		return request.Header.Get("Authorization")
	}
	for name, c := range map[string]struct {
		path          string
		authorization []string
		status        int
	}{
		"with the key":                  {"metrics", []string{"Bearer " + key}, 200},
		"with the key as a password":    {"debug/pprof/", []string{basic(key)}, 200},
		"for the index":                 {"", []string{"Bearer " + key}, 200},
		"not without one":               {"metrics", nil, 401},
		"not for profiles":              {"debug/pprof/heap", nil, 401},
		"not for the status":            {"status", nil, 401},
		"but for the page without data": {"", nil, 200},
		"not with another":              {"metrics", []string{"Bearer " + stranger}, 401},
		"not with an empty one":         {"metrics", []string{"Bearer "}, 401},
		"not with two":                  {"metrics", []string{"Bearer " + key, "Bearer " + stranger}, 401},
		"not in another scheme":         {"metrics", []string{"Token " + key}, 401},
		"not with another password":     {"metrics", []string{basic(stranger)}, 401},
		"but not for being alive":       {"healthz", nil, 200},
		"but not for being ready":       {"readyz", nil, 200},
		"and not for a path like that":  {"debug/../healthz/", nil, 401},
	} {
		t.Run(name, func(t *testing.T) {
			status, header, body := getWith(t, hub.admin+c.path, c.authorization...)
			if status != c.status || (status == 401) != (header.Get("WWW-Authenticate") != "") {
				t.Errorf("got %d %.200q with WWW-Authenticate %q, want %d", status, body, header.Values("WWW-Authenticate"), c.status)
			}
		})
	}
	if status, body := post(t, hub.admin+"publish", "application/json", `{"type":"a"}`); status != 401 {
		t.Errorf("got %d %q for an event without a key, want 401", status, body)
	}
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, hub.admin+"publish", strings.NewReader(`{"type":"a"}`))
	request.Header.Set("Authorization", "Bearer "+key)
	if status, _, body := fetch(t, request); status != 200 {
		t.Errorf("got %d %q for an event with a key, want 200", status, body)
	}
	used := hub.output.await(t, "API key used for the first time since the start")
	if used["key"] != "ci" {
		t.Errorf("got the log record %v, want the name of the key", used)
	}
	hub.output.await(t, "request to the admin address refused")
	if text := hub.output.String(); strings.Contains(text, key) || strings.Contains(text, stranger) {
		t.Errorf("got a key in the log, want none:\n%s", text)
	}
}

func TestAdminAddressStaysOnLoopbackWithoutKeys(t *testing.T) {
	t.Parallel()
	_, line := newAPIKey(t, "ci")
	_, stderr, code := runBinary(t, nil, "serve", "--listen=127.0.0.1:0", "--admin=0.0.0.0:0")
	if code != exitUsage || !strings.Contains(stderr, "--api-keys") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("got exit code %d and %q, want %d and one line that names --api-keys", code, stderr, exitUsage)
	}
	for _, address := range []string{"0.0.0.0:8081", ":8081", "[::]:8081", "192.0.2.1:8081"} {
		file := writeConfig(t, "relay: true\nadmin: '"+address+"'\n")
		if _, stderr, code := runBinary(t, nil, "config", "check", file); code != exitUsage || !strings.Contains(stderr, "--api-keys") || !strings.Contains(stderr, file+":2") {
			t.Errorf("%s: got exit code %d and %q from config check, want %d and the line", address, code, stderr, exitUsage)
		}
	}
	for _, address := range []string{"127.0.0.1:8081", "[::1]:8081", "localhost:8081"} {
		if _, stderr, code := runBinary(t, nil, "config", "check", "--admin="+address); code != exitOK {
			t.Errorf("%s: got exit code %d and %q from config check, want 0", address, code, stderr)
		}
	}
	hub := startHubOn(t, nil, "--listen=127.0.0.1:0", "--admin=0.0.0.0:0", "--api-keys="+writeFile(t, "keys", line))
	if status, _, body := get(t, strings.Replace(hub.admin, "0.0.0.0", "127.0.0.1", 1)+"metrics"); status != 401 {
		t.Errorf("got %d %q without a key, want 401", status, body)
	}
}
