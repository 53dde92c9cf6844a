//go:build linux

package swarm

import (
	"errors"
	"fmt"
	"syscall"
)

// Signal sends a signal to every process: after SIGSTOP none of them reads, until SIGCONT. In between no other method may be called
// but Kill: it would wait for an answer.
func (f *Fleet) Signal(signal syscall.Signal) error {
	for _, c := range f.children {
		if err := c.cmd.Process.Signal(signal); err != nil {
			return fmt.Errorf("swarm: signal client process %d: %w", c.number, err)
		}
	}
	return nil
}

// Kill ends every process by SIGKILL, and waits until the kernel has closed their connections. It takes the place of Close.
func (f *Fleet) Kill() error {
	failed := f.Signal(syscall.SIGKILL)
	for _, c := range f.children {
		killed := c.quit()
		if c.cmd.ProcessState == nil {
			failed = errors.Join(failed, killed)
		}
	}
	return errors.Join(failed, f.wakeup.Close(), f.counters.close())
}
