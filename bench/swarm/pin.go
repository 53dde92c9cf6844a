//go:build linux

package swarm

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// StartPinned starts a process on these cores alone, as taskset does, and has the kernel kill it if this process dies. Without
// cores it may run anywhere.
func StartPinned(cmd *exec.Cmd, cores []int) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return OnCores(cores, cmd.Start)
}

// OnCores calls work, in this goroutine, on these cores alone. Without cores it may run anywhere.
func OnCores(cores []int, work func() error) error {
	if len(cores) == 0 {
		return work()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, during unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("read the affinity: %w", err)
	}
	for _, core := range cores {
		during.Set(core)
	}
	if err := unix.SchedSetaffinity(0, &during); err != nil {
		return fmt.Errorf("pin to cores %v: %w", cores, err)
	}
	defer unix.SchedSetaffinity(0, &before)
	return work()
}

// Cores lists the cores that this process may run on.
func Cores() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("read the affinity: %w", err)
	}
	var cores []int
	for core := 0; len(cores) < set.Count(); core++ {
		if set.IsSet(core) {
			cores = append(cores, core)
		}
	}
	return cores, nil
}
