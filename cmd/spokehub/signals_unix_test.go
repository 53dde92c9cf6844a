//go:build unix

package main

import (
	"os"
	"syscall"
	"testing"
)

// TestSignalsThatArriveTogetherCountAsOne sends two to a hub that is stopped, so that they arrive together when it goes on.
func TestSignalsThatArriveTogetherCountAsOne(t *testing.T) {
	hub := startHub(t, nil)
	for _, sent := range []os.Signal{syscall.SIGSTOP, syscall.SIGTERM, os.Interrupt, syscall.SIGCONT} {
		hub.signal(t, sent)
	}
	if code := hub.exitCode(t); code != exitOK {
		t.Errorf("got exit code %d, want 0", code)
	}
}
