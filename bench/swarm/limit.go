//go:build linux

package swarm

import (
	"fmt"

	"golang.org/x/sys/unix"
)

const reservedDescriptors = 200

// FileLimit is how many descriptors a process may have.
type FileLimit struct {
	// Soft is the limit in force, Hard how far it may be raised.
	Soft, Hard uint64
}

// RaiseFileLimit raises the soft limit of this process, and so of those it starts, to the hard one.
func RaiseFileLimit() (FileLimit, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return FileLimit{}, fmt.Errorf("read the file limit: %w", err)
	}
	found := FileLimit{Soft: limit.Cur, Hard: limit.Max}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return found, fmt.Errorf("raise the file limit to %d: %w", limit.Max, err)
	}
	return found, nil
}

// Room is how many connections fit into one process.
func (l FileLimit) Room() int {
	if l.Hard <= 2*reservedDescriptors {
		return int(l.Hard / 2)
	}
	return int(min(l.Hard-reservedDescriptors, 1<<30))
}

// Processes is how many client processes a number of connections needs: one a core, and more where the file limit asks for it.
func (l FileLimit) Processes(connections, cores int) int {
	room := l.Room()
	return max(cores, (connections+room-1)/room, 1)
}
