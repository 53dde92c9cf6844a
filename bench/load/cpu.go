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

// cpuTime is what a process has used: the whole to the nanosecond, its parts in ticks of the kernel.
type cpuTime struct {
	whole, userTicks, systemTicks time.Duration
}

// since is what was used between two readings.
func (c cpuTime) since(before cpuTime) cpuTime {
	return cpuTime{
		whole:       max(c.whole-before.whole, 0),
		userTicks:   max(c.userTicks-before.userTicks, 0),
		systemTicks: max(c.systemTicks-before.systemTicks, 0),
	}
}

func (c cpuTime) total() time.Duration { return c.whole }

// user is the whole's part in user mode, as far as ticks tell.
func (c cpuTime) user() time.Duration {
	ticks := c.userTicks + c.systemTicks
	if ticks == 0 {
		return 0
	}
	return time.Duration(float64(c.whole) * float64(c.userTicks) / float64(ticks))
}

// system is the rest.
func (c cpuTime) system() time.Duration { return c.whole - c.user() }

// readCPU asks the kernel for a process's time.
func readCPU(pid int) (cpuTime, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return cpuTime{}, fmt.Errorf("read the CPU time: %w", err)
	}
	user, system, err := parseStat(content)
	if err != nil {
		return cpuTime{}, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	used := cpuTime{whole: user + system, userTicks: user, systemTicks: system}
	var exact unix.Timespec
	if clock := int32(^pid<<3 | cpuClockSchedule); unix.ClockGettime(clock, &exact) == nil {
		used.whole = time.Duration(exact.Nano())
	}
	return used, nil
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
