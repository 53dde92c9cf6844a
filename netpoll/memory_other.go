//go:build !linux

package netpoll

// MachineMemory is the machine's memory in bytes, 0 if it can't be told.
func MachineMemory() int64 { return 0 }
