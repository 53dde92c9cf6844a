//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/bench/swarm"
)

// describeMachine is what a reader must know of the machine to place the figures.
func describeMachine() string {
	parts := []string{processor(), fmt.Sprintf("%d cores", runtime.NumCPU())}
	var system unix.Utsname
	if unix.Uname(&system) == nil {
		parts = append(parts, "Linux "+unix.ByteSliceToString(system.Release[:]))
	}
	var memory unix.Sysinfo_t
	if unix.Sysinfo(&memory) == nil {
		parts = append(parts, fmt.Sprintf("%d GiB", uint64(memory.Totalram)*uint64(memory.Unit)>>30))
	}
	if limit, err := swarm.RaiseFileLimit(); err == nil {
		parts = append(parts, fmt.Sprintf("%d files a process", limit.Hard))
	}
	return strings.Join(append(parts, runtime.Version(), "loopback"), ", ")
}

func processor() string {
	content, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range bytes.Lines(content) {
		name, value, found := strings.Cut(string(line), ":")
		if found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
