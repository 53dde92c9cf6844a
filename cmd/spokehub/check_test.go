package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// check runs spokehub check and returns its steps by name, with the exit code.
func check(t *testing.T, arguments ...string) (map[string]step, int) {
	t.Helper()
	stdout, stderr, code := runBinary(t, nil, append([]string{"check", "--json", "--timeout", "20s"}, arguments...)...)
	var steps []step
	if err := json.Unmarshal([]byte(stdout), &steps); err != nil || stderr != "" {
		t.Fatalf("got %q and %q on stderr, %v, want steps in JSON", stdout, stderr, err)
	}
	byName := map[string]step{}
	for _, s := range steps {
		byName[s.Name] = s
	}
	return byName, code
}

func TestCheckPassesAHubThatIsWell(t *testing.T) {
	t.Parallel()
	plain, secure := startHub(t, nil), startSecureHub(t)
	for name, c := range map[string]struct {
		arguments []string
		want      []string
	}{
		"plain":    {[]string{plain.websocket}, []string{"connection", "handshake", "as a page", "event", "round trip"}},
		"over TLS": {[]string{secure.websocket, "--ca", secure.authority.file}, []string{"connection", "TLS", "certificate", "handshake", "as a page", "event", "round trip"}},
	} {
		t.Run(name, func(t *testing.T) {
			steps, code := check(t, c.arguments...)
			for _, want := range c.want {
				if s := steps[want]; s.Verdict != passed {
					t.Errorf("step %s is %+v, want ok", want, s)
				}
			}
			if code != exitOK || len(steps) != len(c.want) {
				t.Errorf("got exit code %d and %d steps, want 0 and %d", code, len(steps), len(c.want))
			}
		})
	}
}

func TestCheckNamesTheStepThatFailsAndACure(t *testing.T) {
	t.Parallel()
	plain, secure := startHub(t, nil), startSecureHub(t)
	private := startHub(t, nil, "--no-relay")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	deaf := startScripted(t, func(*websocket.Conn, string) {})
	_, public := makeKey(t, "EdDSA")
	closed := startHub(t, nil, "--jwt-key", public)
	moved := httptest.NewServer(http.RedirectHandler("http://nowhere.invalid/ws", http.StatusFound))
	defer moved.Close()
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	for name, c := range map[string]struct {
		arguments []string
		step      string
		verdict   verdict
		cure      string
	}{
		"nobody listens":          {[]string{"ws://127.0.0.1:1/ws"}, "connection", failed, "is the hub running"},
		"no such name":            {[]string{"ws://nowhere.invalid/ws"}, "name", failed, "check the host"},
		"TLS at a plain address":  {[]string{"wss" + plain.websocket[2:]}, "TLS", failed, "use ws://"},
		"an unknown authority":    {[]string{secure.websocket}, "TLS", failed, "--ca"},
		"plain at a TLS address":  {[]string{"ws" + secure.websocket[3:]}, "handshake", failed, "wants wss://"},
		"no hub at the path":      {[]string{"ws" + page.URL[4:] + "/ws"}, "handshake", failed, "--path"},
		"a server that is silent": {[]string{"ws://" + silent.Addr().String(), "--timeout", "200ms"}, "handshake", failed, ""},
		"a page of another site":  {[]string{plain.websocket, "--origin", "https://other.example"}, "as a page", failed, "--origin https://other.example"},
		"a token that is missing": {[]string{closed.websocket}, "event", failed, "--token"},
		"a redirect to nowhere":   {[]string{"ws" + moved.URL[4:]}, "handshake", failed, "use that URL"},
		"no certificate checked":  {[]string{secure.websocket, "--insecure"}, "certificate", warned, "--insecure"},
		"no relay":                {[]string{private.websocket}, "event", warned, "POST /publish"},
		"a deaf server":           {[]string{deaf, "--timeout", "200ms"}, "event", failed, ""},
		"no answered subprotocol": {[]string{deaf, "--timeout", "200ms"}, "as a page", failed, "Sec-WebSocket-Protocol"},
	} {
		t.Run(name, func(t *testing.T) {
			steps, code := check(t, c.arguments...)
			s, there := steps[c.step]
			if !there || s.Verdict != c.verdict || !strings.Contains(s.Cure, c.cure) {
				t.Errorf("step %s is %+v of %+v, want %s and a cure with %q", c.step, s, steps, c.verdict, c.cure)
			}
			if want := map[bool]int{true: exitFailure, false: exitOK}[c.verdict == failed]; code != want {
				t.Errorf("got exit code %d, want %d", code, want)
			}
		})
	}
}

func TestCheckPrintsItsStepsForPeople(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	stdout, stderr, code := runBinary(t, nil, "check", hub.websocket)
	if code != exitOK || stderr != "" || !strings.Contains(stdout, "ok    handshake") || !strings.Contains(stdout, " ms  ") {
		t.Errorf("got exit code %d, %q and %q, want 0 and lines with times", code, stdout, stderr)
	}
	if _, stderr, code = runBinary(t, nil, "check", "ftp://x"); code != exitUsage || !strings.Contains(stderr, "--url") {
		t.Errorf("got exit code %d and %q for a URL that is none, want 2", code, stderr)
	}
}
