//go:build linux

package swarm

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// duplicate gives a file of its own for a descriptor, to be inherited by a child.
func duplicate(fd int) (*os.File, error) {
	copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate a descriptor: %w", err)
	}
	return os.NewFile(uintptr(copied), "shared"), nil
}
