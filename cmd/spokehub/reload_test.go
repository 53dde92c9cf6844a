package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spokehub/spokehub/event"
)

// startHubFrom runs the binary with a configuration file and returns the file's name.
func startHubFrom(t *testing.T, content string, arguments ...string) (*process, string) {
	t.Helper()
	name := writeConfig(t, content)
	return startHub(t, nil, append([]string{"--config=" + name}, arguments...)...), name
}

// reload writes the file again, sends SIGHUP, and returns the record of the log with that message.
func (p *process) reload(t *testing.T, name, content, message string) map[string]any {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	p.signal(t, syscall.SIGHUP)
	return p.output.await(t, message)
}

func TestHangupReloadsWhatCanChange(t *testing.T) {
	t.Parallel()
	hub, name := startHubFrom(t, "origin: https://a.example\nworkers: 7\n")
	connected := connect(t, hub.websocket)
	connected.subscribe(t, "news")
	record := hub.reload(t, name, "origin: https://b.example\nhost: b.example\nlog-level: debug\nmax-connections: 200\nworkers: 8\ntopics: [{match: secret, subscribe: nobody}]\n", "configuration reloaded")
	if got, want := fmt.Sprint(record["changed"]), "[host log-level max-connections origin topics]"; got != want {
		t.Errorf("got the changes %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(record["need_restart"]), "[workers]"; got != want {
		t.Errorf("got %s that need a restart, want %s", got, want)
	}
	for origin, want := range map[string]int{"https://a.example": http.StatusForbidden, "https://b.example": http.StatusSwitchingProtocols} {
		if got, _ := handshakeStatus(t, hub.page, "b.example", origin); got != want {
			t.Errorf("%s: got %d, want %d", origin, got, want)
		}
	}
	if status, _, body := ask(t, http.MethodGet, hub.page, "", "b.example", nil); status != http.StatusOK {
		t.Errorf("got %d %q for the page under the new name, want 200", status, body)
	}
	connected.subscribe(t, "still.here")
	connected.reject(t, "secret")
}

func TestReloadChangesTheLimitsOfAddresses(t *testing.T) {
	t.Parallel()
	hub, name := startHubFrom(t, "max-connections-per-address: 1\n")
	connect(t, hub.websocket)
	if got, body := handshakeStatus(t, hub.page, "127.0.0.1", ""); got != http.StatusTooManyRequests {
		t.Errorf("got %d %s for the second client, want 429", got, body)
	}
	record := hub.reload(t, name, "max-connections-per-address: 2\n", "configuration reloaded")
	if got, want := fmt.Sprint(record["changed"], record["need_restart"]), "[max-connections-per-address] <nil>"; got != want {
		t.Errorf("got changed and need_restart %s, want %s", got, want)
	}
	connect(t, hub.websocket).subscribe(t, "news")
}

func TestReloadedRulesEndSubscriptions(t *testing.T) {
	t.Parallel()
	hub, name := startHubFrom(t, "topics: [{match: 'a:1', subscribe: users}]\n")
	connected := connect(t, hub.websocket)
	connected.subscribe(t, "a:2", "b", "c")
	hub.reload(t, name, "topics: [{match: 'a:*', subscribe: users}, {match: b, subscribe: nobody}]\n", "configuration reloaded")
	got := []string{connected.receive(t), connected.receive(t)}
	slices.Sort(got)
	for i, topic := range []string{"a:2", "b"} {
		if want := `{"type":"__reject","id":"","payload":{"topic":"` + topic + `","reason":"forbidden"}}`; got[i] != want {
			t.Errorf("got %s, want %s", got[i], want)
		}
	}
	post(t, hub.admin+"publish", "application/x-ndjson", `{"type":"a","id":"2"}`+"\n"+`{"type":"b"}`+"\n"+`{"type":"c"}`)
	if got, want := connected.receive(t), `{"type":"c","id":"","payload":null}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestReloadTakesOverAllOrNothing(t *testing.T) {
	t.Parallel()
	hub, name := startHubFrom(t, "origin: https://a.example\n")
	for mistake, wants := range map[string]string{
		"origin: https://b.example\nlistn: x\n":       name + ":2: listn: ",
		"origin: https://b.example\nreactors: 1000\n": "--reactors: ",
		"": name + ": the file is empty",
	} {
		hub.reload(t, name, mistake, "the configuration was not reloaded, and nothing has changed")
		hub.output.awaitText(t, wants)
		if got, body := handshakeStatus(t, hub.page, "127.0.0.1", "https://a.example"); got != http.StatusSwitchingProtocols {
			t.Errorf("%q: got %d %s for the old origin, want 101", mistake, got, body)
		}
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	hub.signal(t, syscall.SIGHUP)
	hub.output.awaitText(t, name+": there is no such file")
	counted := func(lines ...string) {
		t.Helper()
		_, _, metrics := get(t, hub.admin+"metrics")
		for _, want := range lines {
			if !strings.Contains(metrics, "\n"+want+"\n") {
				t.Errorf("got metrics without %q, want it", want)
			}
		}
	}
	counted(`spokehub_config_reloads_total{result="error"} 4`, "spokehub_config_last_reload_successful 0")
	hub.reload(t, name, "origin: https://b.example\n", "configuration reloaded")
	if got, body := handshakeStatus(t, hub.page, "127.0.0.1", "https://b.example"); got != http.StatusSwitchingProtocols {
		t.Errorf("got %d %s for the new origin, want 101", got, body)
	}
	counted(`spokehub_config_reloads_total{result="ok"} 1`, "spokehub_config_last_reload_successful 1")
}

func TestReloadOpensTheHubToNobody(t *testing.T) {
	t.Parallel()
	_, public := makeKey(t, "EdDSA")
	hub, name := startHubFrom(t, "jwt-key: "+public+"\n")
	for _, without := range []string{"# nothing\n", "jwks: ''\n", "jwt-key: []\n", "anonymous: all\n"} {
		hub.reload(t, name, without, "the configuration was not reloaded, and nothing has changed")
		hub.output.awaitText(t, "lets everybody do everything only when it is started again")
	}
	hub.reload(t, name, "jwt-key: "+public+"\nanonymous: all\n", "configuration reloaded")
}

func TestFlagStaysAheadOfTheFileInAReload(t *testing.T) {
	t.Parallel()
	hub, name := startHubFrom(t, "log-level: warn\norigin: https://a.example\n", "--log-level=info")
	record := hub.reload(t, name, "log-level: error\norigin: https://b.example\n", "configuration reloaded")
	if got, want := fmt.Sprint(record["changed"]), "[origin]"; got != want {
		t.Errorf("got the changes %s, want %s", got, want)
	}
}

// TestHangupDuringADrainDoesNotCutItShort has a client hold the drain until the hub has been sent the hangup.
func TestHangupDuringADrainDoesNotCutItShort(t *testing.T) {
	t.Parallel()
	hub, _ := startHubFrom(t, "# nothing\n", "--close-timeout=1m", "--drain-timeout=1m")
	held := connect(t, hub.websocket)
	held.subscribe(t, "news")
	hub.signal(t, syscall.SIGTERM)
	hub.output.await(t, "draining")
	hub.signal(t, syscall.SIGHUP)
	if got := held.closed(t); got.Code != 1012 {
		t.Errorf("got the close code %d, want 1012", got.Code)
	}
	if code := hub.exitCode(t); code != exitOK {
		t.Errorf("got exit code %d, want 0", code)
	}
	hub.output.await(t, "drained")
}

func TestTopicsOfTheFileAreForSomeOnly(t *testing.T) {
	hub, _ := startHubFrom(t, "topics:\n  - {match: price, publish: nobody}\n  - {match: 'audit:*', subscribe: nobody}\n")
	subscriber, publisher := connect(t, hub.websocket), connect(t, hub.websocket)
	subscriber.subscribe(t, "price", "news")
	subscriber.reject(t, "audit:1")
	subscriber.reject(t, "audit")
	publisher.send(t, event.Event{Type: "price"})
	publisher.send(t, event.Event{Type: "news"})
	if got, want := subscriber.receive(t), `{"type":"news","id":"","payload":null}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	post(t, hub.admin+"publish", "", `{"type":"price"}`)
	if got, want := subscriber.receive(t), `{"type":"price","id":"","payload":null}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// reject fails the test if the hub lets the client subscribe.
func (c *client) reject(t *testing.T, topic string) {
	t.Helper()
	payload, err := json.Marshal(map[string]string{"topic": topic})
	if err != nil {
		t.Fatal(err)
	}
	c.send(t, event.Event{Type: "__subscribe", ID: "r", Payload: payload})
	if got := c.receive(t); !strings.Contains(got, `"__reject"`) || !strings.Contains(got, `"forbidden"`) {
		t.Errorf("%s: got %s, want it forbidden", topic, got)
	}
}

// awaitText waits for a line of the log with that text.
func (o *logOutput) awaitText(t *testing.T, text string) {
	t.Helper()
	for {
		o.mu.Lock()
		arrived := o.arrived
		o.mu.Unlock()
		if strings.Contains(o.String(), text) {
			return
		}
		select {
		case <-arrived:
		case <-t.Context().Done():
			t.Fatalf("got no line with %q, want one:\n%s", text, o)
		}
	}
}

func TestReloaderThatFailsKeepsEverything(t *testing.T) {
	before, err := parsedWith(t, "log-level: info\n")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{flags: *before.flags}
	committed := false
	s.reloaders = []reloader{
		func(serveFlags) (func(), []string, error) { return func() { committed = true }, nil, nil },
		func(serveFlags) (func(), []string, error) { return nil, nil, errors.New("--log-level: bad") },
	}
	next, err := parsedWith(t, "log-level: debug\n")
	if err != nil {
		t.Fatal(err)
	}
	err = newReload(s, before).apply(next)
	if err == nil || !strings.Contains(err.Error(), ".yaml:1)") || committed || s.live.level.Level() != 0 {
		t.Errorf("got %v, committed %v and level %v, want an error with the line, and nothing changed", err, committed, s.live.level.Level())
	}
}
