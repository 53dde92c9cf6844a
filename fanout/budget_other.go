//go:build !linux

package fanout

func machineMemory() int64 { return assumedMemory }
