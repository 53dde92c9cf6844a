//go:build unix

package main

import "syscall"

// fileLimit is how many descriptors the process may have open. The Go runtime
// has raised the soft limit to the hard one by the time main runs. It is 0
// where it cannot be told.
func fileLimit() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return uint64(limit.Cur)
}
