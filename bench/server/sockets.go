//go:build linux

package server

import (
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/prometheus/procfs"
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

// SocketQueues adds up, in bytes, the send queues of the server's sockets and the receive queues of those connected to it.
func (s *Server) SocketQueues() (send, receive uint64, err error) {
	address, err := netip.ParseAddrPort(s.Address)
	if err != nil {
		return 0, 0, fmt.Errorf("the server's address: %w", err)
	}
	proc, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, 0, fmt.Errorf("read the sockets: %w", err)
	}
	table, err := proc.NetTCP()
	if err != nil {
		return 0, 0, fmt.Errorf("read the sockets: %w", err)
	}
	port := uint64(address.Port())
	for _, line := range table {
		switch port {
		case line.LocalPort:
			send += line.TxQueue
		case line.RemPort:
			receive += line.RxQueue
		}
	}
	return send, receive, nil
}
