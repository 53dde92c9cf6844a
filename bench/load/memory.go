//go:build linux

package load

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
)

// processMemory is what a process has in memory, in bytes.
type processMemory struct {
	rss, pss int64
}

func readMemory(pid int) (processMemory, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return processMemory{}, fmt.Errorf("read the process memory: %w", err)
	}
	return processMemory{rss: kilobytes(content, "Rss:"), pss: kilobytes(content, "Pss:")}, nil
}

// kilobytes finds a line such as "Rss:  123 kB" and gives bytes, or 0.
func kilobytes(content []byte, name string) int64 {
	for line := range bytes.Lines(content) {
		fields := bytes.Fields(line)
		if len(fields) >= 2 && string(fields[0]) == name {
			value, err := strconv.ParseInt(string(fields[1]), 10, 64)
			if err != nil {
				return 0
			}
			return value << 10
		}
	}
	return 0
}

// socketSlabs are the kernel's caches of which a socket, its file and its place in an epoll set take one each.
var socketSlabs = []string{
	"TCP", "sock_inode_cache", "filp", "dentry", "eventpoll_epi", "eventpoll_pwq", "skbuff_head_cache", "skbuff_small_head",
	"kmalloc-64", "kmalloc-96", "kmalloc-128", "kmalloc-192", "kmalloc-256", "kmalloc-512", "kmalloc-1k", "tcp_bind_bucket", "tcp_bind2_bucket",
	"request_sock_TCP",
}

// kernelMemory is what the kernel has for sockets of the whole machine, in bytes: both ends of each connection.
type kernelMemory struct {
	buffers, slabs int64
	exact          bool
}

func (k kernelMemory) total() int64 { return k.buffers + k.slabs }

// readKernelMemory reads the pages of socket buffers, and the slabs that sockets use; where /proc/slabinfo is not for
// us to read, all slabs of the kernel.
func readKernelMemory() (kernelMemory, error) {
	sockets, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return kernelMemory{}, fmt.Errorf("read the socket memory: %w", err)
	}
	found := kernelMemory{buffers: socketPages(sockets) * int64(os.Getpagesize())}
	if slabs, err := os.ReadFile("/proc/slabinfo"); err == nil {
		found.slabs, found.exact = sumSlabs(slabs), true
		return found, nil
	}
	all, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return kernelMemory{}, fmt.Errorf("read the kernel memory: %w", err)
	}
	found.slabs = kilobytes(all, "SUnreclaim:")
	return found, nil
}

// socketPages finds "mem N" in the TCP line of /proc/net/sockstat.
func socketPages(content []byte) int64 {
	for line := range bytes.Lines(content) {
		fields := bytes.Fields(line)
		if len(fields) == 0 || string(fields[0]) != "TCP:" {
			continue
		}
		at := slices.IndexFunc(fields, func(field []byte) bool { return string(field) == "mem" })
		if at < 0 || at+1 >= len(fields) {
			return 0
		}
		pages, err := strconv.ParseInt(string(fields[at+1]), 10, 64)
		if err != nil {
			return 0
		}
		return pages
	}
	return 0
}

// sumSlabs multiplies the active objects of each socket slab by their size.
func sumSlabs(content []byte) (total int64) {
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		fields := bytes.Fields(lines.Bytes())
		if len(fields) < 4 || !slices.Contains(socketSlabs, string(fields[0])) {
			continue
		}
		active, err1 := strconv.ParseInt(string(fields[1]), 10, 64)
		size, err2 := strconv.ParseInt(string(fields[3]), 10, 64)
		if err1 == nil && err2 == nil {
			total += active * size
		}
	}
	return total
}
