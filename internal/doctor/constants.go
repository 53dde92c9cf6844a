package doctor

// The constants are what a spoke takes. Those of bench/RESULTS.md are held against it by a test.
const (
	// descriptors a spoke: its socket.
	descriptors = 1
	// reservedFiles is what the hub keeps for itself: reservedFiles of cmd/spokehub.
	reservedFiles = 64
	// watches a spoke: its socket is in one epoll set.
	watches = 1
	// reservedWatches are those of listeners, wake-ups and the admin address.
	reservedWatches = 64
	// processBytes of an idle, subscribed spoke: bench/RESULTS.md, "idle and subscribed: process memory".
	processBytes = 252
	// tlsBytes is the same over TLS: bench/RESULTS.md, the table of TLS.
	tlsBytes = 6767
	// kernelBytes is the kernel's memory for a socket, its file and its watch: bench/RESULTS.md, "kernel memory, the server's end".
	kernelBytes = 3814
	// accountedBytes is the part of kernelBytes that a cgroup of version 1 is charged with: file, inode, name and watch, and not the socket
	// itself, which comes into being while a packet is handled. Measured on Linux 6.18 by memory.kmem.usage_in_bytes, 5,000 to 19,936
	// spokes. Version 2 is charged with all of it since Linux 6.13.
	accountedBytes = 1486
	// baseBytes is the process with its share of the kernel's memory before the first spoke, apart from the program's own file: measured in a
	// cgroup with GOMAXPROCS of 2.
	baseBytes = 7 << 20
	// procBytes is what each further one takes, with its reactor: measured with 8 and 32.
	procBytes = 160 << 10
	// ownKernelBytes is the kernel's share of that: page tables, stacks and descriptors of a process such as the hub.
	ownKernelBytes = 500 << 10
	// pages of tcp_mem a spoke: one, while an event that went to all is not acknowledged. An idle socket has none.
	pages = 1
)

// Constants are what a spoke is taken to need, for a report.
type Constants struct {
	// Descriptors is one, for its socket.
	Descriptors int `json:"descriptors"`
	// Watches are those of epoll.
	Watches int `json:"epoll_watches"`
	// ProcessBytes are memory of the process, with TLS if the plan has it.
	ProcessBytes int `json:"process_bytes"`
	// KernelBytes are memory of the kernel.
	KernelBytes int `json:"kernel_bytes"`
	// AccountedBytes are those of them that a cgroup of version 1 counts.
	AccountedBytes int `json:"kernel_bytes_in_cgroup_v1"`
	// Pages are those of tcp_mem.
	Pages int `json:"tcp_mem_pages"`
	// BaseBytes is the memory of a hub without a spoke.
	BaseBytes int `json:"process_bytes_at_start"`
	// ReservedFiles are the descriptors that the hub keeps for itself.
	ReservedFiles int `json:"descriptors_of_the_hub"`
}

// constants are those for a plan and GOMAXPROCS.
func constants(p Plan, procs int) Constants {
	c := Constants{
		Descriptors: descriptors, Watches: watches, ProcessBytes: processBytes, KernelBytes: kernelBytes,
		AccountedBytes: accountedBytes, Pages: pages, BaseBytes: baseBytes, ReservedFiles: reservedFiles,
	}
	c.BaseBytes += procBytes * max(procs-2, 0)
	if p.TLS {
		c.ProcessBytes = tlsBytes
	}
	return c
}

// ofCgroup is how many bytes of a cgroup's memory a spoke takes.
func (c Constants) ofCgroup(version int) uint64 {
	if version == 1 {
		return uint64(c.ProcessBytes + c.AccountedBytes)
	}
	return uint64(c.ProcessBytes + c.KernelBytes)
}
