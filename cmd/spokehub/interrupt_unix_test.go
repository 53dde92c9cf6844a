//go:build unix

package main

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
)

func TestCtrlCEndsSubWithZero(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	sub := startTool(t, nil, "sub", "--url", hub.websocket, "a")
	publisher := connectClient(t, hub.websocket)
	for len(sub.lines) == 0 {
		publisher.DispatchEvent(event.Event{Type: "a"})
		time.Sleep(20 * time.Millisecond)
	}
	sub.command.Process.Signal(os.Interrupt)
	if code, stderr := sub.end(t); code != exitOK || stderr != "" {
		t.Errorf("got exit code %d and %q, want 0 and nothing", code, stderr)
	}
}

func TestCtrlCEndsPubWith130(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	events := received(t, hub, "a")
	pub := startTool(t, nil, "pub", "--url", hub.websocket, "a", "--count", "1000000", "--rate", "10")
	<-events
	pub.command.Process.Signal(syscall.SIGTERM)
	if code, stderr := pub.end(t); code != exitInterrupted || !strings.Contains(stderr, "then interrupted") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("got exit code %d and %q, want 130 and a line that says so", code, stderr)
	}
}

func TestSubEndsOnceNobodyReadsItsOutput(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	sub := exec.Command(binary, "sub", "--url", hub.websocket, "a")
	sub.Env = environment(nil)
	stdout, err := sub.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := sub.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.Start(); err != nil {
		t.Fatal(err)
	}
	stdout.Close()
	said, _ := io.ReadAll(stderr)
	if err := sub.Wait(); err != nil || len(said) > 0 {
		t.Errorf("it ended with %v and %q, want exit code 0 and silence", err, said)
	}
}

func TestCtrlCEndsBenchWithAReport(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	bench := startTool(t, nil, "bench", hub.websocket, "-c", "5", "--duration", "1h")
	for metric(t, hub, "spokehub_delivered_total") < 20 {
		time.Sleep(time.Millisecond)
	}
	bench.command.Process.Signal(os.Interrupt)
	code, stderr := bench.end(t)
	if code != exitInterrupted || stderr != "" || !strings.Contains(bench.next(t), "connections") || !strings.Contains(bench.next(t), "interrupted") {
		t.Errorf("got exit code %d and %q, want 130 and a report", code, stderr)
	}
}
