//go:build unix

package engines

import (
	"os"
	"syscall"
	"testing"
)

// freezeNATS stops a process, and waits until all its threads have stopped.
func freezeNATS(t testing.TB, p *os.Process) {
	t.Helper()
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(p.Pid, &status, syscall.WUNTRACED, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || !status.Stopped() {
			t.Fatalf("the process is not frozen: %v, status %#x", err, status)
		}
		return
	}
}

func thawNATS(t testing.TB, p *os.Process) {
	t.Helper()
	if err := p.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}
