//go:build linux

package server

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

const (
	ticksPerSecond   = 100
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
	process, err := procfs.NewProc(pid)
	if err != nil {
		return CPU{}, fmt.Errorf("read the CPU time: %w", err)
	}
	stat, err := process.Stat()
	if err != nil {
		return CPU{}, fmt.Errorf("read the CPU time: %w", err)
	}
	ticks := func(n uint) time.Duration { return time.Duration(n) * time.Second / ticksPerSecond }
	used := CPU{Whole: ticks(stat.UTime + stat.STime), userTicks: ticks(stat.UTime), systemTicks: ticks(stat.STime)}
	var exact unix.Timespec
	if clock := int32(^pid<<3 | cpuClockSchedule); unix.ClockGettime(clock, &exact) == nil {
		used.Whole = time.Duration(exact.Nano())
	}
	return used, nil
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
func (s *Server) Memory() (Memory, error) { return ReadMemory(s.PID()) }

// ReadMemory reads what a process has in memory.
func ReadMemory(pid int) (Memory, error) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return Memory{}, fmt.Errorf("read the process memory: %w", err)
	}
	maps, err := process.ProcSMapsRollup()
	if err != nil {
		return Memory{}, fmt.Errorf("read the process memory: %w", err)
	}
	return Memory{RSS: int64(maps.Rss), PSS: int64(maps.Pss), Anonymous: int64(maps.Anonymous)}, nil
}

// descriptors counts those that the server has open.
func (s *Server) descriptors() (int, error) {
	process, err := procfs.NewProc(s.PID())
	if err != nil {
		return 0, err
	}
	return process.FileDescriptorsLen()
}

// socketSlabs are the kernel's caches of which a socket, its file and its place in an epoll set take one each.
var socketSlabs = []string{
	"TCP", "sock_inode_cache", "filp", "dentry", "eventpoll_epi", "eventpoll_pwq", "skbuff_head_cache", "skbuff_small_head",
	"kmalloc-64", "kmalloc-96", "kmalloc-128", "kmalloc-192", "kmalloc-256", "kmalloc-512", "kmalloc-1k", "tcp_bind_bucket", "tcp_bind2_bucket",
	"request_sock_TCP",
}

// Kernel is the kernel's memory for the sockets of the whole machine, both ends of each connection, in bytes.
type Kernel struct {
	// Buffers are the pages of all TCP buffers, Slabs the objects that sockets take.
	Buffers, Slabs int64
	// Exact is false where /proc/slabinfo is not for us to read: then Slabs are all slabs of the kernel.
	Exact bool
}

// ReadKernel reads the kernel's tables.
func ReadKernel() (k Kernel, err error) {
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return k, fmt.Errorf("read the kernel's memory: %w", err)
	}
	sockets, err := proc.NetSockstat()
	if err != nil {
		return k, fmt.Errorf("read the socket memory: %w", err)
	}
	for _, protocol := range sockets.Protocols {
		if protocol.Protocol == "TCP" && protocol.Mem != nil {
			k.Buffers = int64(*protocol.Mem * os.Getpagesize())
		}
	}
	if slabs, err := proc.SlabInfo(); err == nil {
		k.Slabs, k.Exact = sumSlabs(slabs), true
		return k, nil
	}
	all, err := proc.Meminfo()
	if err != nil || all.SUnreclaimBytes == nil {
		return k, fmt.Errorf("read the kernel's slabs: %w", err)
	}
	k.Slabs = int64(*all.SUnreclaimBytes)
	return k, nil
}

// sumSlabs multiplies the active objects of each socket slab by their size.
func sumSlabs(slabs procfs.SlabInfo) (total int64) {
	for _, slab := range slabs.Slabs {
		if slices.Contains(socketSlabs, slab.Name) {
			total += slab.ObjActive * slab.ObjSize
		}
	}
	return total
}
