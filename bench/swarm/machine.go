//go:build linux

package swarm

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const reservedDescriptors = 200

// FileLimit is how many descriptors a process may have once its limit is raised as far as may be.
type FileLimit uint64

// RaiseFileLimit raises the soft limit of this process, and so of those it starts, to the hard one.
func RaiseFileLimit() (FileLimit, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read the file limit: %w", err)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("raise the file limit to %d: %w", limit.Max, err)
	}
	return FileLimit(limit.Max), nil
}

// Room is how many connections fit into one process.
func (l FileLimit) Room() int {
	return int(min(max(l-min(l, reservedDescriptors), l/2), 1<<30))
}

// Processes is how many client processes a number of connections needs: one a core, and more where the file limit asks for it.
func (l FileLimit) Processes(connections, cores int) int {
	room := l.Room()
	return max(cores, (connections+room-1)/room, 1)
}

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
