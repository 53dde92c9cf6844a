//go:build linux

package server

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

// CPU is the processor time that a process has used.
type CPU struct {
	// Whole is exact to the nanosecond.
	Whole time.Duration
	// userTicks and systemTicks are its parts, as coarse as the kernel's ticks.
	userTicks, systemTicks time.Duration
}

// ReadCPU asks the kernel for a process's time.
func ReadCPU(pid int) (CPU, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return CPU{}, fmt.Errorf("read the CPU time: %w", err)
	}
	used, err := parseStat(content)
	if err != nil {
		return CPU{}, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	var exact unix.Timespec
	if clock := int32(^pid<<3 | cpuClockSchedule); unix.ClockGettime(clock, &exact) == nil {
		used.Whole = time.Duration(exact.Nano())
	}
	return used, nil
}

// parseStat reads user and system time from /proc/PID/stat.
func parseStat(content []byte) (CPU, error) {
	nameEnd := bytes.LastIndexByte(content, ')')
	fields := bytes.Fields(content[nameEnd+1:])
	if nameEnd < 0 || len(fields) <= statSystemField {
		return CPU{}, fmt.Errorf("unexpected content %q", content)
	}
	var times [2]time.Duration
	for i, field := range []int{statUserField, statSystemField} {
		ticks, err := strconv.ParseInt(string(fields[field]), 10, 64)
		if err != nil {
			return CPU{}, fmt.Errorf("unexpected number: %w", err)
		}
		times[i] = time.Duration(ticks) * time.Second / ticksPerSecond
	}
	return CPU{Whole: times[0] + times[1], userTicks: times[0], systemTicks: times[1]}, nil
}

// Since is what was used between two readings.
func (c CPU) Since(before CPU) CPU {
	return CPU{
		Whole:       max(c.Whole-before.Whole, 0),
		userTicks:   max(c.userTicks-before.userTicks, 0),
		systemTicks: max(c.systemTicks-before.systemTicks, 0),
	}
}

// User is the part of Whole in user mode, as far as ticks tell.
func (c CPU) User() time.Duration {
	ticks := c.userTicks + c.systemTicks
	if ticks == 0 {
		return 0
	}
	return time.Duration(float64(c.Whole) * float64(c.userTicks) / float64(ticks))
}

// System is the rest.
func (c CPU) System() time.Duration { return c.Whole - c.User() }

// Memory is what a process has in memory, in bytes.
type Memory struct {
	// RSS is all of it, PSS counts shared pages in part, Anonymous leaves out pages of files.
	RSS, PSS, Anonymous int64
}

// Memory reads what the server has in memory.
func (s *Server) Memory() (Memory, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", s.PID()))
	if err != nil {
		return Memory{}, fmt.Errorf("read the process memory: %w", err)
	}
	kilobytes := func(name string) int64 { return number(content, name, name) << 10 }
	return Memory{RSS: kilobytes("Rss:"), PSS: kilobytes("Pss:"), Anonymous: kilobytes("Anonymous:")}, nil
}

// number finds the line that begins with a word, and in it the number behind another; 0 if there is none.
func number(content []byte, line, word string) int64 {
	for view := range bytes.Lines(content) {
		fields := bytes.Fields(view)
		for i := range len(fields) - 1 {
			if string(fields[0]) == line && string(fields[i]) == word {
				value, _ := strconv.ParseInt(string(fields[i+1]), 10, 64)
				return value
			}
		}
	}
	return 0
}
