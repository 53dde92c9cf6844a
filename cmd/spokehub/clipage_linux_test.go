package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
)

// TestCommandsOfTheirPageRun runs every command of docs/cli.md against a hub that publishes what they wait for.
func TestCommandsOfTheirPageRun(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 6 {
		t.Fatalf("got %d blocks of commands, want those of the page", len(blocks))
	}
	hub := startHub(t, nil)
	publisher := connectClient(t, hub.websocket)
	for _, block := range blocks {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimSpace(line)
			t.Run(line, func(t *testing.T) {
				text := strings.NewReplacer("ws://127.0.0.1:8080/ws", hub.websocket, "http://127.0.0.1:8081/", hub.admin, "http://127.0.0.1:8081", hub.admin).Replace(line)
				if strings.HasPrefix(text, "spokehub sub") && !strings.Contains(text, "--count") {
					text += " --count 1"
				}
				command := exec.Command("bash", "-c", text)
				command.Dir = t.TempDir()
				command.Env = append(environment([]string{envPrefix + "_URL=" + hub.websocket}), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
				ended := make(chan struct{})
				var out []byte
				go func() {
					defer close(ended)
					out, err = command.CombinedOutput()
				}()
				for {
					publisher.DispatchEvent(event.Event{Type: "price", ID: "EURUSD", Payload: []byte("1.08")})
					if err := publisher.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
					select {
					case <-ended:
						if err != nil {
							t.Errorf("it ended with %v:\n%s", err, out)
						}
						return
					case <-time.After(20 * time.Millisecond):
					}
				}
			})
		}
	}
}
