package main

import "golang.org/x/sys/unix"

// monotonicMicroseconds is the time of CLOCK_MONOTONIC, by which systemd tells messages before a reload from those after it.
func monotonicMicroseconds() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0
	}
	return now.Nano() / 1000
}
