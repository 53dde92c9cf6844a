package netpoll

import "golang.org/x/sys/unix"

// MachineMemory is the machine's memory in bytes, 0 if it can't be told.
func MachineMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}
