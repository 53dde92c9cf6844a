//go:build unix

package main

import "syscall"

// fileLimit is the number of descriptors that the process may open, or 0 if it is
// unknown. The Go runtime has raised the soft limit to the hard one before main runs.
func fileLimit() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return uint64(limit.Cur)
}

// hardFileLimit is how far the process may raise fileLimit, or 0 if it is unknown.
func hardFileLimit() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return uint64(limit.Max)
}
