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

func TestNodeClientReceivesWhatAnotherPublishes(t *testing.T) {
	directory := installNode(t)
	hub := startHub(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "client.mjs", hub.websocket)
	node.Dir = directory
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
