package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/js"
)

func TestPublicAddressAnswers(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	for name, c := range map[string]struct {
		path   string
		status int
		says   string
	}{
		"the page on its root":                  {"", http.StatusOK, "<title>Spokehub</title>"},
		"alive":                                 {"healthz", http.StatusOK, "alive"},
		"ready":                                 {"readyz", http.StatusOK, "ready"},
		"counters":                              {"stats.json", http.StatusOK, `"connections":`},
		"426 with a hint to what is no upgrade": {"ws", http.StatusUpgradeRequired, "WebSocket"},
		"404 with a hint to anything else":      {"wss", http.StatusNotFound, "/ws"},
		"404 where only the admin address may":  {"metrics", http.StatusNotFound, "--admin"},
		"the JavaScript client":                 {"client.js", http.StatusOK, "Spoke"},
	} {
		t.Run(name, func(t *testing.T) {
			status, header, body := get(t, hub.page+c.path)
			if status != c.status || !strings.Contains(body, c.says) {
				t.Errorf("got %d %.200q, want %d and %q in it", status, body, c.status, c.says)
			}
			if c.status == http.StatusUpgradeRequired && !strings.EqualFold(header.Get("Upgrade"), "websocket") {
				t.Errorf("got the header Upgrade %q, want websocket", header.Get("Upgrade"))
			}
		})
	}
}

func TestHandshakeForAnotherPathIsLogged(t *testing.T) {
	hub := startHub(t, nil)
	for path, want := range map[string]bool{"wss": true, "plain": false} {
		request, err := http.NewRequest(http.MethodGet, hub.page+path+"?token=hunter2", nil)
		if err != nil {
			t.Fatal(err)
		}
		if want {
			request.Header.Set("Connection", "Upgrade")
			request.Header.Set("Upgrade", "websocket")
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	record := hub.output.await(t, "handshake refused")
	if record["path"] != "/wss" || record["status"] != 404.0 || !strings.Contains(fmt.Sprint(record["reason"]), "connect to /ws") || strings.Contains(fmt.Sprint(record), "hunter2") {
		t.Errorf("got %v, want the path, the status, what to do, and no query", record)
	}
}

func TestClientsThatStayWithoutAnIdentityAreLogged(t *testing.T) {
	t.Parallel()
	_, public := makeKey(t, "EdDSA")
	hub := startHub(t, nil, "--jwt-key="+public, "--handshake-timeout=5s", "--first-byte-timeout=5s")
	silent := connect(t, hub.websocket)
	record := hub.output.await(t, "spoke without an identity is closed with 4401")
	if reason := fmt.Sprint(record["reason"]); !strings.Contains(reason, "no identity in time") {
		t.Errorf("got the reason %q, want that it was late", reason)
	}
	silent.conn.CloseNow()
	hub = startHub(t, nil, "--jwt-key="+public)
	guesser := connect(t, hub.websocket)
	guesser.send(t, event.Event{Type: "__auth", ID: "1", Payload: []byte(`{"token":"hunter2"}`)})
	record = hub.output.await(t, "token rejected")
	if reason := fmt.Sprint(record["error"]); !strings.Contains(reason, "malformed") || strings.Contains(fmt.Sprint(record), "hunter2") {
		t.Errorf("got %v, want why, and no token", record)
	}
}

func TestPolicyAllowsOnlyThePagesOwnScriptAndStyle(t *testing.T) {
	hub := startHub(t, nil, "--path=/live/a&b")
	_, header, body := get(t, hub.page)
	policy := header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", elementHash(body, "script"), elementHash(body, "style"), "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("got the policy %q, want %q in it", policy, want)
		}
	}
	if !strings.Contains(body, `data-path="/live/a&amp;b"`) {
		t.Error("got a page without the path of the handshake, want it, escaped")
	}
	for _, outside := range []string{"src=\"http", "href=\"http", "url(http", "@import", "onclick=\"", "style=\""} {
		if strings.Contains(body, outside) {
			t.Errorf("got a page with %q, want nothing from outside and nothing that the policy forbids", outside)
		}
	}
}

func TestPageCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--page=false")
	if _, found := hub.start["page"]; found {
		t.Errorf("got a page in the start line %v, want none", hub.start)
	}
	address := strings.TrimSuffix(strings.Replace(hub.websocket, "ws://", "http://", 1), "ws")
	for _, path := range []string{"", "stats.json"} {
		if status, _, body := get(t, address+path); status != http.StatusNotFound {
			t.Errorf("got %d %q for /%s, want 404", status, body, path)
		}
	}
	if status, _, body := get(t, address+"healthz"); status != http.StatusOK {
		t.Errorf("got %d %q for /healthz, want 200", status, body)
	}
}

func TestReadyzAnswers503WhenFull(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--max-connections=1")
	if status, _, body := get(t, hub.admin+"readyz"); status != http.StatusOK {
		t.Errorf("got %d %q with no client, want 200", status, body)
	}
	connect(t, hub.websocket).subscribe(t, "news")
	if status, _, body := get(t, hub.admin+"readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "1 of 1") {
		t.Errorf("got %d %q with one client, want 503 and 1 of 1", status, body)
	}
}

func TestPublicAddressAnswersHealthChecksWhenFull(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--max-connections=1")
	connect(t, hub.websocket).subscribe(t, "news")
	for range 3 {
		if status, _, body := get(t, hub.page+"healthz"); status != http.StatusOK {
			t.Errorf("got %d %q of a full hub, want 200", status, body)
		}
	}
	if status, _, body := get(t, hub.page+"ws"); status != http.StatusServiceUnavailable {
		t.Errorf("got %d %q for the path of the handshake, want 503", status, body)
	}
}

func TestStatsCountWhatHappened(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	subscriber := connect(t, hub.websocket)
	subscriber.subscribe(t, "news", "price")
	post(t, hub.admin+"publish", "", `{"type":"news"}`)
	subscriber.receive(t)
	got := hub.stats(t)
	if got.Connections != 1 || got.Topics != 2 || got.Subscriptions != 2 || got.EventsDispatched != 1 || got.Deliveries != 1 || got.Dropped != 0 {
		t.Errorf("got %+v, want 1 connection, 2 topics, 2 subscriptions, 1 event, 1 delivery, none dropped", got)
	}
}

func TestStartLineHasWhatAnOperatorWantsToKnow(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	for _, name := range []string{"version", "websocket", "page", "admin", "engine", "reactors", "file_limit", "spokes_allowed", "gomaxprocs", "gomemlimit"} {
		if value, found := hub.start[name]; !found || value == "" || value == 0.0 {
			t.Errorf("got %s %v in the start line, want it told", name, value)
		}
	}
}

func TestTheClientIsServedToPagesOfAnyOrigin(t *testing.T) {
	hub := startHub(t, nil, "--page=false")
	address := strings.TrimSuffix(strings.Replace(hub.websocket, "ws://", "http://", 1), "ws") + "client.js"
	_, header, body := get(t, address)
	if body != string(js.Client) || header.Get("Access-Control-Allow-Origin") != "*" || header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("got %d bytes with %v, want the client, for any origin", len(body), header)
	}
	for tag, want := range map[string]int{header.Get("ETag"): http.StatusNotModified, `"another"`: http.StatusOK} {
		request, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("If-None-Match", tag)
		request.Header.Set("Accept-Encoding", "gzip")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		sent, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != want {
			t.Errorf("got %d, %v for the tag %s, want %d", response.StatusCode, err, tag, want)
		}
		if want == http.StatusOK && (response.Header.Get("Content-Encoding") != "gzip" || len(sent) > len(js.Client)/2) {
			t.Errorf("got %d bytes with %v, want them compressed", len(sent), response.Header)
		}
	}
}
