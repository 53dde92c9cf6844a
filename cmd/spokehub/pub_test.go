package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/event"
)

// received subscribes to a topic and returns its events as lines.
func received(t *testing.T, hub *process, topic string) <-chan string {
	t.Helper()
	client := connectClient(t, hub.websocket)
	events := make(chan string, 100_000)
	client.AddEventListener(topic, func(e event.Event) { events <- fmt.Sprintf("%s|%s|%s", e.Type, e.ID, e.Payload) })
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return events
}

func TestPubPublishes(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	for name, c := range map[string]struct {
		arguments []string
		stdin     string
		want      []string
		says      string
	}{
		"a payload":         {[]string{"price:EURUSD", `{"bid": 1.08}`}, "", []string{`price|EURUSD|{"bid": 1.08}`}, "published 1 event\n"},
		"no payload":        {[]string{"price"}, "", []string{"price||null"}, "published 1 event\n"},
		"a text":            {[]string{"price", "--string", `say "hi"`}, "", []string{`price||"say \"hi\""`}, "published 1 event\n"},
		"several":           {[]string{"price", "1", "--count", "3"}, "", []string{"price||1", "price||1", "price||1"}, "published 3 events\n"},
		"lines of payloads": {[]string{"price:a", "-"}, "1\n\n {\"x\": 2} \n", []string{"price|a|1", `price|a|{"x": 2}`}, "published 2 events\n"},
		"lines of texts":    {[]string{"price", "-", "--string"}, "one\ntwo", []string{`price||"one"`, `price||"two"`}, "published 2 events\n"},
		"lines of events":   {[]string{"-"}, `{"type":"price","id":"7","payload":1}` + "\n" + `{"type":"price"}`, []string{"price|7|1", "price||null"}, "published 2 events\n"},
		"a negative number": {[]string{"--", "price", "-1"}, "", []string{"price||-1"}, "published 1 event\n"},
		"in silence":        {[]string{"-q", "price", "1"}, "", []string{"price||1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			events := received(t, hub, "price")
			pub := startTool(t, strings.NewReader(c.stdin), append([]string{"pub", "--url", hub.websocket}, c.arguments...)...)
			if code, stderr := pub.end(t); code != exitOK || stderr != c.says {
				t.Errorf("got exit code %d and %q, want 0 and %q", code, stderr, c.says)
			}
			for _, want := range c.want {
				select {
				case got := <-events:
					if got != want {
						t.Errorf("got the event %s, want %s", got, want)
					}
				case <-time.After(patience):
					t.Fatalf("got no event, want %s", want)
				}
			}
		})
	}
}

func TestPubStampsPayloads(t *testing.T) {
	before := time.Now()
	var members map[string]float64
	if err := json.Unmarshal(stamped([]byte(`{"a":1}`), before), &members); err != nil || members["a"] != 1 || int64(members["ts"]) != before.UnixMilli() {
		t.Errorf("got %v, %v, want a and the time", members, err)
	}
	for _, payload := range []string{"1", "null", "", "[1]"} {
		if got := string(stamped([]byte(payload), before)); got != payload {
			t.Errorf("got %s, want %s unchanged", got, payload)
		}
	}
}

func TestPubEndsWithTheCodeThatSaysWhy(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	forbidding := startScripted(t, func(ws *websocket.Conn, message string) {
		if strings.Contains(message, "__unsubscribe") {
			say(ws, `{"type":"__reject","id":"","payload":{"topic":"a","reason":"forbidden"}}`)
			say(ws, `{"type":"__ack","id":"1","payload":{"topics":[]}}`)
		}
	})
	deaf := startScripted(t, func(*websocket.Conn, string) {})
	narrow := startHub(t, nil, "--max-message", "1KiB", "--max-event", "1KiB").websocket
	strict := startScripted(t, func(ws *websocket.Conn, _ string) {
		ws.Close(websocket.StatusPolicyViolation, `{"retry_after_ms":1000}`)
	})
	for name, c := range map[string]struct {
		arguments []string
		stdin     string
		code      int
		says      string
	}{
		"a topic that is none":   {[]string{"a:"}, "", exitUsage, `topic "a:"`},
		"a payload that is none": {[]string{"a", "hello"}, "", exitUsage, "--string"},
		"a count that is none":   {[]string{"a", "--count", "0"}, "", exitUsage, "--count"},
		"a rate that is none":    {[]string{"a", "--rate=-1"}, "", exitUsage, "--rate"},
		"a payload twice":        {[]string{"-", "1"}, "", exitUsage, "whole events"},
		"a line that is none":    {[]string{"a", "-", "--url", hub.websocket}, "1\nx\n", exitFailure, "line 2 of standard input"},
		"an event that is none":  {[]string{"-", "--url", hub.websocket}, `{"id":"x"}`, exitFailure, "line 1 of standard input"},
		"a rate no number":       {[]string{"a", "--rate=nan"}, "", exitUsage, "--rate"},
		"a negative payload":     {[]string{"a", "-1"}, "", exitUsage, "then -- and the arguments"},
		"a URL of a host":        {[]string{"a", "--url", "127.0.0.1:8080"}, "", exitUsage, "none of ws://"},
		"a token of two lines":   {[]string{"a", "--token", "a\nb"}, "", exitUsage, "--token-file"},
		"a line without an end":  {[]string{"a", "-", "--string", "--url", hub.websocket}, strings.Repeat("a", maxLine+1), exitFailure, "line 1 of standard input is longer"},
		"a long payload":         {[]string{"a", "--string", strings.Repeat("a", 2000), "--url", narrow}, "", exitRefused, "--max-message"},
		"too many events":        {[]string{"a", "--url", strict}, "", exitRefused, "--rate"},
		"no hub":                 {[]string{"a", "--url", "ws://127.0.0.1:1"}, "", exitUnreachable, "is the hub running"},
		"a hub that forbids":     {[]string{"a", "--url", forbidding}, "", exitRefused, "forbidden"},
		"a hub that is deaf":     {[]string{"a", "--url", deaf, "--timeout", "100ms"}, "", exitUnreachable, "--timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			pub := startTool(t, strings.NewReader(c.stdin), append([]string{"pub", "-q"}, c.arguments...)...)
			if code, stderr := pub.end(t); code != c.code || !strings.Contains(stderr, c.says) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("got exit code %d and %q, want %d and a line with %q", code, stderr, c.code, c.says)
			}
		})
	}
}

func TestPubKeepsToItsRate(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	began := time.Now()
	_, stderr, code := runBinary(t, nil, "pub", "--url", hub.websocket, "a", "--count", "6", "--rate", "50")
	if took := time.Since(began); code != exitOK || took < 100*time.Millisecond {
		t.Errorf("six events at 50 a second took %v, exit code %d, %q; want 100 ms at least", took, code, stderr)
	}
}
