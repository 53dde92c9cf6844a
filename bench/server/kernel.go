//go:build linux

package server

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
)

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
func ReadKernel() (Kernel, error) {
	sockets, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return Kernel{}, fmt.Errorf("read the socket memory: %w", err)
	}
	found := Kernel{Buffers: number(sockets, "TCP:", "mem") * int64(os.Getpagesize())}
	if slabs, err := os.ReadFile("/proc/slabinfo"); err == nil {
		found.Slabs, found.Exact = sumSlabs(slabs), true
		return found, nil
	}
	all, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return Kernel{}, fmt.Errorf("read the kernel memory: %w", err)
	}
	found.Slabs = number(all, "SUnreclaim:", "SUnreclaim:") << 10
	return found, nil
}

// sumSlabs multiplies the active objects of each socket slab by their size.
func sumSlabs(content []byte) (total int64) {
	for line := range bytes.Lines(content) {
		fields := bytes.Fields(line)
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

// SocketQueues adds up, in bytes, the send queues of the server's sockets and the receive queues of those connected to it.
func (s *Server) SocketQueues() (send, receive int64, err error) {
	address, err := netip.ParseAddrPort(s.Address)
	if err != nil {
		return 0, 0, fmt.Errorf("the server's address: %w", err)
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0, 0, fmt.Errorf("read the sockets: %w", err)
	}
	port := fmt.Appendf(nil, ":%04X", address.Port())
	for line := range bytes.Lines(table) {
		fields := bytes.Fields(line)
		if len(fields) < 5 {
			continue
		}
		tx, rx, _ := bytes.Cut(fields[4], []byte(":"))
		switch {
		case bytes.HasSuffix(fields[1], port):
			n, _ := strconv.ParseInt(string(tx), 16, 64)
			send += n
		case bytes.HasSuffix(fields[2], port):
			n, _ := strconv.ParseInt(string(rx), 16, 64)
			receive += n
		}
	}
	return send, receive, nil
}
