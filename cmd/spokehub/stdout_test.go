package main

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// startQuietly starts a hub that logs to a pipe, and reads the start line from it.
func startQuietly(t *testing.T, arguments ...string) (command *exec.Cmd, log *os.File) {
	t.Helper()
	foreign(t)
	log, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	command = exec.Command(binary, append([]string{"serve", "--listen=127.0.0.1:0", "--admin="}, arguments...)...)
	command.Env = environment(nil)
	command.Stdout = writer
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Process.Kill() })
	writer.Close()
	if _, err := bufio.NewReader(log).ReadString('\n'); err != nil {
		t.Fatalf("read the start line: %v", err)
	}
	return command, log
}

func wantDrained(t *testing.T, command *exec.Cmd) {
	t.Helper()
	guard := time.AfterFunc(patience, func() { command.Process.Kill() })
	defer guard.Stop()
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("got %v, want a drain and exit code 0", err)
	}
}

func TestHubWhoseLogIsClosedStillDrains(t *testing.T) {
	t.Parallel()
	command, log := startQuietly(t)
	log.Close()
	wantDrained(t, command)
}

func TestHubWhoseLogIsNotReadStillDrains(t *testing.T) {
	t.Parallel()
	command, log := startQuietly(t)
	defer log.Close()
	if _, err := fillPipe(command); err != nil {
		unavailable(t, "the pipe can't be filled: %v", err)
	}
	wantDrained(t, command)
}

// fillPipe writes to the hub's pipe from outside the hub until it is full.
func fillPipe(command *exec.Cmd) (int, error) {
	writer, err := syscall.Open("/proc/"+strconv.Itoa(command.Process.Pid)+"/fd/1", syscall.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer syscall.Close(writer)
	total := 0
	for {
		n, err := syscall.Write(writer, make([]byte, 4096))
		if err == syscall.EAGAIN {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		total += n
	}
}
