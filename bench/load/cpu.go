//go:build linux

package load

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	ticksPerSecond   = 100
	statUserField    = 11
	statSystemField  = 12
	cpuClockSchedule = 2
)

// cpuTime is what a process has used.
type cpuTime struct {
	user, system time.Duration
}

func (c cpuTime) total() time.Duration { return c.user + c.system }

func (c cpuTime) since(before cpuTime) cpuTime {
	return cpuTime{user: max(c.user-before.user, 0), system: max(c.system-before.system, 0)}
}

// readCPU asks the kernel for a process's exact time, and divides it into user and system as /proc says.
func readCPU(pid int) (cpuTime, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return cpuTime{}, fmt.Errorf("read the CPU time: %w", err)
	}
	user, system, err := parseStat(content)
	if err != nil {
		return cpuTime{}, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	coarse := cpuTime{user: user, system: system}
	var exact unix.Timespec
	clock := int32(^pid<<3 | cpuClockSchedule)
	if unix.ClockGettime(clock, &exact) != nil || coarse.total() == 0 {
		return coarse, nil
	}
	whole := time.Duration(exact.Nano())
	userShare := float64(coarse.user) / float64(coarse.total())
	fine := cpuTime{user: time.Duration(float64(whole) * userShare)}
	fine.system = whole - fine.user
	return fine, nil
}

// parseStat reads user and system time from /proc/PID/stat.
func parseStat(content []byte) (user, system time.Duration, err error) {
	nameEnd := bytes.LastIndexByte(content, ')')
	fields := bytes.Fields(content[nameEnd+1:])
	if nameEnd < 0 || len(fields) <= statSystemField {
		return 0, 0, fmt.Errorf("unexpected content %q", content)
	}
	var ticks [2]int64
	for i, field := range []int{statUserField, statSystemField} {
		if ticks[i], err = strconv.ParseInt(string(fields[field]), 10, 64); err != nil {
			return 0, 0, fmt.Errorf("unexpected number: %w", err)
		}
	}
	return time.Duration(ticks[0]) * time.Second / ticksPerSecond, time.Duration(ticks[1]) * time.Second / ticksPerSecond, nil
}

// readAllCPU adds up several processes, and gives each one's share too.
func readAllCPU(pids []int) ([]cpuTime, error) {
	times := make([]cpuTime, len(pids))
	for i, pid := range pids {
		used, err := readCPU(pid)
		if err != nil {
			return nil, err
		}
		times[i] = used
	}
	return times, nil
}
