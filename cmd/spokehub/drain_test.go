package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/spokehub/spokehub/event"
)

func TestAHangupThatIsIgnoredStaysIgnored(t *testing.T) {
	t.Parallel()
	hub := startHubThrough(t, []string{"nohup"}, nil, "--listen=127.0.0.1:0", "--admin=127.0.0.1:0")
	client := connect(t, hub.websocket)
	hub.signal(t, syscall.SIGHUP)
	client.subscribe(t, "still here")
	hub.signal(t, syscall.SIGTERM)
	client.closed(t)
	if code := hub.exitCode(t); code != exitOK {
		t.Errorf("got exit code %d, want 0", code)
	}
}

func TestSignalDrainsAndExitsWith0(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]os.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": os.Interrupt} {
		t.Run(name, func(t *testing.T) {
			hub := startHub(t, nil)
			subscriber := connect(t, hub.websocket)
			subscriber.subscribe(t, "news")
			hub.signal(t, sent)
			closed := subscriber.closed(t)
			if closed.Code != 1012 {
				t.Errorf("got close code %d, want 1012", closed.Code)
			}
			var hint struct {
				RetryAfter *float64 `json:"retry_after_ms"`
			}
			if err := json.Unmarshal([]byte(closed.Reason), &hint); err != nil || hint.RetryAfter == nil || *hint.RetryAfter < 0 {
				t.Errorf("got the reason %q, want retry_after_ms in JSON", closed.Reason)
			}
			if code := hub.exitCode(t); code != exitOK {
				t.Errorf("got exit code %d, want 0", code)
			}
			hub.output.await(t, "drained")
		})
	}
}

func TestDrainFlushesWhatWasDispatchedBefore(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	subscriber := connect(t, hub.websocket)
	subscriber.subscribe(t, "news")
	const events = 2000
	line := string(event.Append(nil, event.Event{Type: "news", Payload: []byte(`"` + strings.Repeat("x", 200) + `"`)}))
	if status, answer := post(t, hub.admin+"publish", "application/x-ndjson", strings.Repeat(line+"\n", events)); status != http.StatusOK {
		t.Fatalf("got %d %s, want 200", status, answer)
	}
	hub.signal(t, syscall.SIGTERM)
	for i := range events {
		if got := subscriber.receive(t); got != line {
			t.Fatalf("got %s as event %d, want %s", got, i, line)
		}
	}
	if closed := subscriber.closed(t); closed.Code != 1012 {
		t.Errorf("got close code %d, want 1012", closed.Code)
	}
	if code := hub.exitCode(t); code != exitOK {
		t.Errorf("got exit code %d, want 0", code)
	}
}

func TestReadyzAnswers503InTheGracePeriodOfADrain(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--drain-grace=20s")
	subscriber := connect(t, hub.websocket)
	if status, _, body := get(t, hub.page+"readyz"); status != http.StatusOK {
		t.Errorf("got %d %s before the drain, want 200", status, body)
	}
	hub.signal(t, syscall.SIGTERM)
	hub.output.await(t, "draining")
	for _, address := range []string{hub.page, hub.admin} {
		if status, _, body := get(t, address+"readyz"); status != http.StatusServiceUnavailable || body != "draining\n" {
			t.Errorf("got %d %q from %s, want 503 draining", status, body, address)
		}
		if status, _, body := get(t, address+"healthz"); status != http.StatusOK {
			t.Errorf("got %d %q from %s, want 200", status, body, address)
		}
	}
	subscriber.subscribe(t, "still.served")
}

func TestSecondSignalExitsAtOnceWith1(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--drain-grace=20s")
	hub.signal(t, syscall.SIGTERM)
	hub.output.await(t, "draining")
	hub.signalUntilEnd(syscall.SIGTERM)
	if code := hub.exitCode(t); code != exitFailure {
		t.Errorf("got exit code %d, want 1", code)
	}
}

func TestClientThatNeverReadsIsCutAtTheDrainTimeout(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--drain-timeout=1s", "--close-timeout=1m", "--queue-limit=64MiB", "--max-event=8MiB")
	stalled := connect(t, hub.websocket)
	stalled.subscribe(t, "news")
	body := string(event.Append(nil, event.Event{Type: "news", Payload: []byte(`"` + strings.Repeat("x", 7<<20) + `"`)}))
	for range 4 {
		if status, answer := post(t, hub.admin+"publish", "application/json", body); status != http.StatusOK {
			t.Fatalf("got %d %s, want 200", status, answer)
		}
	}
	hub.signal(t, syscall.SIGTERM)
	if code := hub.exitCode(t); code != exitOK {
		t.Errorf("got exit code %d, want 0", code)
	}
	hub.output.await(t, "drained; clients left at the timeout were cut")
}
