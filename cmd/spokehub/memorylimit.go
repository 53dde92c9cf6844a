package main

import "math"

// memoryShare is how much of the memory of its container or unit the Go runtime may use. The rest is for what it does not count: the kernel's
// buffers of sockets, and the program itself.
const memoryShare = 0.9

// memoryLimitOf is the limit for the Go runtime in a cgroup with that much memory, 0 to leave it as it is: an operator who has set
// GOMEMLIMIT knows better, and who has set no limit wants none.
func memoryLimitOf(gomemlimit string, cgroup uint64, err error) int64 {
	if gomemlimit != "" || err != nil || cgroup == 0 || cgroup >= math.MaxInt64 {
		return 0
	}
	return int64(float64(cgroup) * memoryShare)
}
