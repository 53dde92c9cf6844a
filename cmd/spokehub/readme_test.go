package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
)

// example is the first block of a page in a language, for a hub of the test.
func example(t *testing.T, page, language string, hub *process) string {
	t.Helper()
	for _, b := range blocksOf(t, page) {
		if b.language != language {
			continue
		}
		if lines := strings.Count(b.text, "\n"); lines > 10 {
			t.Errorf("the block of %s has %d lines, want ten at most", language, lines)
		}
		return strings.NewReplacer("ws://127.0.0.1:8080/ws", hub.websocket, "http://127.0.0.1:8080/", hub.page).Replace(b.text)
	}
	t.Fatalf("%s has no block of %s", page, language)
	return ""
}

// exchange publishes prices until the example has printed one, and wants the event that it publishes. heard reports what it printed.
func exchange(t *testing.T, hub *process, said <-chan string, heard func() bool) {
	t.Helper()
	publisher := connectClient(t, hub.websocket)
	chat := false
	for end := time.After(patience); ; {
		publisher.DispatchEvent(event.Event{Type: "price", ID: "EURUSD", Payload: []byte("1.08")})
		if err := publisher.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-said:
			if got != `chat|room-7|"hello"` {
				t.Errorf("the example published %s, want hello to room-7", got)
			}
			chat = true
		case <-end:
			t.Fatalf("published what it should: %v, heard a price: %v; want both", chat, heard())
		case <-time.After(20 * time.Millisecond):
		}
		if chat && heard() {
			return
		}
	}
}

func TestReadmeGoExampleRuns(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	said := received(t, hub, "chat")
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	directory, err := os.MkdirTemp(root, "readme-example-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	program := `package main

import (
	"context"
	"fmt"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/spoke"
)

func run(ctx context.Context) error {
` + strings.Replace(example(t, "README.md", "go", hub), "defer client.Close()", "hold(client)", 1) + `}

func hold(*spoke.Client) {}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	select {}
}
`
	if err := os.WriteFile(filepath.Join(directory, "main.go"), []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	executable := filepath.Join(t.TempDir(), "example")
	if output, err := exec.Command("go", "build", "-o", executable, directory).CombinedOutput(); err != nil {
		t.Fatalf("build README's example: %v\n%s", err, output)
	}
	lines := runExample(t, exec.Command(executable))
	exchange(t, hub, said, func() bool { return has(lines, "price EURUSD 1.08") })
}

// runExample starts a program and returns what it prints.
func runExample(t *testing.T, command *exec.Cmd) <-chan string {
	t.Helper()
	p := startCommand(t, command)
	return p.lines
}

// has reports whether one of the lines so far is the wanted one.
func has(lines <-chan string, want string) bool {
	for {
		select {
		case line := <-lines:
			if line == want {
				return true
			}
		default:
			return false
		}
	}
}

func TestNodeExampleRuns(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	said := received(t, hub, "chat")
	directory := installNode(t)
	install := exec.Command("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error", packClient(t))
	install.Dir = directory
	if output, err := install.CombinedOutput(); err != nil {
		t.Fatalf("install the client: %v\n%s", err, output)
	}
	if err := os.WriteFile(filepath.Join(directory, "example.mjs"), []byte(example(t, "docs/first-hub.md", "js", hub)), 0o644); err != nil {
		t.Fatal(err)
	}
	node := exec.Command("node", "example.mjs")
	node.Dir = directory
	lines := runExample(t, node)
	exchange(t, hub, said, func() bool { return has(lines, "price:EURUSD 1.08") })
}

// packClient packs the JavaScript client as npm would publish it, and returns the file.
func packClient(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	pack := exec.Command("npm", "pack", "--loglevel=error", "--pack-destination", directory)
	pack.Dir = clientDirectory(t)
	if output, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("pack the client: %v\n%s", err, output)
	}
	packed, err := filepath.Glob(filepath.Join(directory, "*.tgz"))
	if err != nil || len(packed) != 1 {
		t.Fatalf("npm packed %q, %v, want one file", packed, err)
	}
	return packed[0]
}

func TestReadmePageRuns(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	markup := ""
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			io.WriteString(w, "<!doctype html><title>example</title><body>"+markup)
		}
	}))
	defer site.Close()
	hub := startHub(t, nil, "--origin="+site.URL)
	said := received(t, hub, "chat")
	markup = example(t, "README.md", "html", hub)
	own := openAnyTab(t, browser, site.URL)
	exchange(t, hub, said, func() bool { return strings.Contains(own.text(t, "body"), "1.08") })
	if faults := own.faults(); len(faults) > 0 {
		t.Errorf("got from the browser %q, want no complaint", faults)
	}
}
