package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/event"
)

// keepPublishing publishes events to a hub until the tool ends.
func keepPublishing(t *testing.T, hub *process, until *tool, events ...event.Event) {
	t.Helper()
	publisher := connectClient(t, hub.websocket)
	for {
		for _, e := range events {
			publisher.DispatchEvent(e)
		}
		select {
		case <-until.ended:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestSubPrintsEvents(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	sub := startTool(t, nil, "sub", "--url", hub.websocket, "--count", "3", "price", "price:EURUSD")
	keepPublishing(t, hub, sub, event.Event{Type: "price", ID: "EURUSD", Payload: []byte(`{"bid": 1.08}`)})
	code, stderr := sub.end(t)
	if code != exitOK || stderr != "" {
		t.Errorf("got exit code %d and %q on stderr, want 0 and nothing", code, stderr)
	}
	want := regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3}  price:EURUSD  \{"bid": 1\.08\}$`)
	for range 3 {
		if line := sub.next(t); !want.MatchString(line) {
			t.Errorf("got the line %q, want one like %s", line, want)
		}
	}
	if len(sub.lines) != 0 {
		t.Errorf("got %d lines more, want none", len(sub.lines))
	}
}

func TestSubPrintsJSONWithTheLag(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	sub := startTool(t, nil, "sub", "--url", hub.websocket, "--count", "1", "--json", "--lag-of", "at", "e")
	keepPublishing(t, hub, sub, event.Event{Type: "e", Payload: fmt.Appendf(nil, `{"at":%d}`, time.Now().Add(-time.Hour).UnixMilli())})
	if code, stderr := sub.end(t); code != exitOK {
		t.Fatalf("got exit code %d and %q, want 0", code, stderr)
	}
	var line printedEvent
	if err := json.Unmarshal([]byte(sub.next(t)), &line); err != nil {
		t.Fatal(err)
	}
	if _, err := time.Parse(time.RFC3339Nano, line.Time); err != nil || line.Type != "e" || line.Lag == nil || *line.Lag < 3.6e6 || *line.Lag > 3.8e6 {
		t.Errorf("got %+v, want the time, the type and a lag of an hour", line)
	}
}

func TestLagIsReadFromAPayload(t *testing.T) {
	now := time.UnixMilli(1_764_150_000_500)
	p := printer{lagOf: "ts"}
	for payload, want := range map[string]string{
		`{"ts":1764150000000}`:             "500ms",
		`{"ts":1764150000499.5}`:           "500µs",
		`{"ts":"2025-11-26T09:40:00.25Z"}`: "250ms",
		`{"ts":1764150000}`:                "none",
		`{"ts":null}`:                      "none",
		`{"other":1764150000000}`:          "none",
		`1764150000000`:                    "none",
		``:                                 "none",
	} {
		got := "none"
		if lag, ok := p.lag([]byte(payload), now); ok {
			got = lag.Round(10 * time.Microsecond).String()
		}
		if got != want {
			t.Errorf("the lag of %s is %s, want %s", payload, got, want)
		}
	}
}

func TestSubEndsWithTheCodeThatSaysWhy(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	closing := startScripted(t, func(ws *websocket.Conn, _ string) { ws.Close(4403, "") })
	deaf := startScripted(t, func(*websocket.Conn, string) {})
	limited := startHub(t, nil, "--max-topics", "1")
	for name, c := range map[string]struct {
		arguments []string
		code      int
		says      string
	}{
		"no topic":               {[]string{}, exitUsage, "topic"},
		"a topic that is none":   {[]string{"a:"}, exitUsage, `topic "a:"`},
		"a count that is none":   {[]string{"a", "--count=-1"}, exitUsage, "--count"},
		"a header that is none":  {[]string{"a", "--header", "x"}, exitUsage, "--header"},
		"a file that is missing": {[]string{"a", "--token-file", "/nowhere"}, exitUsage, "--token-file"},
		"a URL that is none":     {[]string{"a", "--url", "ftp://x"}, exitUsage, "--url"},
		"no hub":                 {[]string{"a", "--url", "ws://127.0.0.1:1"}, exitUnreachable, "is the hub running"},
		"a hub that forbids":     {[]string{"a", "--url", closing}, exitRefused, "4403"},
		"a hub that is deaf":     {[]string{"a", "--url", deaf, "--timeout", "100ms"}, exitUnreachable, "--timeout"},
		"a topic too many":       {[]string{"a", "b", "--url", limited.websocket}, exitRefused, "limit"},
		"too few events in time": {[]string{"a", "--url", hub.websocket, "--count", "2", "--for", "100ms"}, exitFailure, "got 0 events in 100ms, want 2"},
		"the end of its time":    {[]string{"a", "--url", hub.websocket, "--for", "10ms"}, exitOK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := runBinary(t, nil, append([]string{"sub"}, c.arguments...)...)
			if code != c.code || !strings.Contains(stderr, c.says) || strings.Count(stderr, "\n") > 1 {
				t.Errorf("got exit code %d and %q, want %d and a line with %q", code, stderr, c.code, c.says)
			}
		})
	}
}

func TestSubEndsWhenATopicIsRefusedLater(t *testing.T) {
	asked := 0
	url := startScripted(t, func(ws *websocket.Conn, message string) {
		asked++
		if asked > 1 {
			say(ws, `{"type":"__reject","id":"2","payload":{"topic":"a","reason":"forbidden"}}`)
			return
		}
		say(ws, `{"type":"__ack","id":"1","payload":{"topics":["a"]}}`)
		say(ws, `{"type":"a","payload":1}`)
		say(ws, `{"type":"__reject","id":"","payload":{"topic":"a","reason":"forbidden"}}`)
	})
	sub := startTool(t, nil, "sub", "--url", url, "a")
	if code, stderr := sub.end(t); code != exitRefused || !strings.Contains(stderr, `"a"`) || !strings.Contains(stderr, "forbidden") {
		t.Errorf("got exit code %d and %q, want 3 and that a is forbidden", code, stderr)
	}
}

func TestAWriteThatFailsIsAFailure(t *testing.T) {
	if err := endOfOutput(&os.PathError{Op: "write", Path: "stdout", Err: syscall.ENOSPC}); errors.Is(err, errWanted) {
		t.Error("a full disk is a wanted end, want a failure")
	}
	if err := endOfOutput(&os.PathError{Op: "write", Path: "stdout", Err: syscall.EPIPE}); !errors.Is(err, errWanted) {
		t.Errorf("got %v for a pipe that nobody reads, want a wanted end", err)
	}
}

func TestSubSaysWhenItLosesTheHub(t *testing.T) {
	connection := 0
	url := startScripted(t, func(ws *websocket.Conn, _ string) {
		if connection++; connection == 1 {
			ws.Close(1012, `{"retry_after_ms":1}`)
			return
		}
		say(ws, `{"type":"__ack","id":"2","payload":{"topics":["a"]}}`)
		say(ws, `{"type":"a","payload":1}`)
	})
	sub := startTool(t, nil, "sub", "--url", url, "--count", "1", "a")
	code, stderr := sub.end(t)
	if code != exitOK || !strings.Contains(stderr, "1012: the hub is about to restart") || !strings.Contains(stderr, "connected again") {
		t.Errorf("got exit code %d and %q, want 0, why the hub was lost and that it is back", code, stderr)
	}
}
