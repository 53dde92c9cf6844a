package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const installPatience = 2 * time.Minute

// installNode installs the Node client and its dependencies into a directory of its own.
func installNode(t *testing.T) string {
	t.Helper()
	foreign(t)
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			unavailable(t, "%s is not installed: %v", tool, err)
		}
	}
	directory := t.TempDir()
	if err := os.CopyFS(directory, os.DirFS(filepath.Join("testdata", "node"))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), installPatience)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
	install.Dir = directory
	if output, err := install.CombinedOutput(); err != nil {
		unavailable(t, "npm cannot install ws: %v\n%s", err, output)
	}
	return directory
}

// runNode runs a client that says when it waits for the drain.
func runNode(t *testing.T, hub *process, directory string, environ []string, arguments ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	node := exec.CommandContext(ctx, "node", append(arguments, hub.websocket)...)
	node.Dir = directory
	node.Env = append(os.Environ(), environ...)
	var failure bytes.Buffer
	node.Stderr = &failure
	stdout, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		said = append(said, lines.Text())
		if lines.Text() == "waiting for the drain" {
			hub.terminate(t)
		}
	}
	if err := node.Wait(); err != nil || len(said) != 2 {
		t.Errorf("got from node the error %v, the output %q and %s, want it to finish", err, said, &failure)
	}
}

func TestNodeClientReceivesWhatAnotherPublishes(t *testing.T) {
	t.Parallel()
	directory := installNode(t)
	t.Run("plain", func(t *testing.T) { runNode(t, startHub(t, nil), directory, nil, "client.mjs") })
	t.Run("over TLS", func(t *testing.T) {
		hub := startSecureHub(t)
		runNode(t, hub.process, directory, []string{"NODE_EXTRA_CA_CERTS=" + hub.authority.file}, "client.mjs")
	})
}

// TestWebSocketOfNodeOverTLS needs a Node that has WebSocket built in: 22, or 20.10 with a flag.
func TestWebSocketOfNodeOverTLS(t *testing.T) {
	t.Parallel()
	var flags []string
	if exec.Command("node", "--experimental-websocket", "--eval", "new WebSocket(`ws://127.0.0.1:1`).onerror = () => {}").Run() == nil {
		flags = append(flags, "--experimental-websocket")
	} else if exec.Command("node", "--eval", "WebSocket").Run() != nil {
		unavailable(t, "node with a WebSocket of its own is not installed")
	}
	hub := startSecureHub(t)
	runNode(t, hub.process, filepath.Join("testdata", "node"), []string{"NODE_EXTRA_CA_CERTS=" + hub.authority.file}, append(flags, "builtin.mjs")...)
}
