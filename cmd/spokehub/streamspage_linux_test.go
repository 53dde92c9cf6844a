package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
)

// shapeOf has of a JSON value what its members are called, but not what they are.
func shapeOf(value any) any {
	switch v := value.(type) {
	case map[string]any:
		shape := map[string]any{}
		for name, member := range v {
			shape[name] = shapeOf(member)
		}
		return shape
	case []any:
		shape := []any{}
		for _, element := range v {
			shape = append(shape, shapeOf(element))
		}
		return shape
	}
	return reflect.TypeOf(value).String()
}

// shapesOf are those of lines of JSON.
func shapesOf(t *testing.T, lines string) (shapes []any) {
	t.Helper()
	for line := range strings.Lines(lines) {
		var value any
		if err := json.Unmarshal([]byte(line), &value); err != nil {
			t.Errorf("read the line %s: %v", line, err)
			continue
		}
		shapes = append(shapes, shapeOf(value))
	}
	return shapes
}

// runLine runs a line of the page with a hub that gets prices while it does.
func runLine(t *testing.T, hub *process, line string) string {
	t.Helper()
	text := strings.ReplaceAll(line, "http://127.0.0.1:8081/", hub.admin)
	if strings.HasPrefix(text, "spokehub sub") && !strings.Contains(text, "--count") {
		text += " --count 1"
	}
	command := exec.Command("bash", "-c", text)
	command.Env = append(environment([]string{envPrefix + "_URL=" + hub.websocket}), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
	publisher := connectClient(t, hub.websocket)
	ended := make(chan error, 1)
	var out []byte
	go func() {
		var err error
		out, err = command.Output()
		ended <- err
	}()
	for {
		if strings.HasPrefix(text, "spokehub sub") {
			publisher.DispatchEvent(event.Event{Type: "price", ID: "EURUSD", Payload: []byte("1.08")})
		}
		if err := publisher.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%s ended with %v:\n%s", line, err, out)
			}
			return string(out)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestPageOfStreamsIsRight(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		unavailable(t, "curl: %v", err)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "streams.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(yaml|sh|json)\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	first := slices.IndexFunc(blocks, func(b []string) bool { return b[1] == "yaml" })
	if first < 0 || len(blocks) < 11 {
		t.Fatalf("got %d blocks and the first file at %d, want those of the page", len(blocks), first)
	}
	s, err := parsedWith(t, blocks[first][2])
	if err != nil || len(s.flags.Policies) != 4 {
		t.Fatalf("got %v for the file of the page, want four policies", err)
	}
	hub := startHub(t, nil, "--config="+writeConfig(t, blocks[first][2]))
	printed := ""
	for _, block := range blocks {
		switch block[1] {
		case "sh":
			for line := range strings.Lines(block[2]) {
				printed = runLine(t, hub, strings.TrimSpace(line))
			}
		case "json":
			shown := shapesOf(t, block[2])
			if strings.HasPrefix(printed, "{") {
				if got := shapesOf(t, printed); !reflect.DeepEqual(got, shown) {
					t.Errorf("got %v from the command ahead of %s, want the same members", printed, block[2])
				}
			}
			printed = ""
		}
	}
}
