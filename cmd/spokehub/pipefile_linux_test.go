package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAPipeThatNobodyFillsHoldsNobodyUp(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := readWithin(name, time.Hour); err != nil || len(text) > 0 {
		t.Errorf("got %q and %v from a pipe that nobody has opened, want nothing", text, err)
	}
	other, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := readWithin(name, time.Millisecond); err == nil || !strings.Contains(err.Error(), "this is a pipe") {
		t.Errorf("got %v from a pipe that nobody fills, want an error that says so", err)
	}
}

func TestWhatAProgramWritesIntoAPipeIsRead(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	go func() {
		defer write.Close()
		write.WriteString("relay: ")
		write.WriteString("false\n")
	}()
	name := fmt.Sprintf("/proc/self/fd/%d", read.Fd())
	if text, err := readWithin(name, time.Minute); err != nil || string(text) != "relay: false\n" {
		t.Errorf("got %q and %v, want what was written", text, err)
	}
}
