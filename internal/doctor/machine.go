// Package doctor says how many spokes a machine takes as it is, which of its limits is hit first, and what raises it.
//
// Read collects what limits a hub from a tree of files that looks like the root of a Linux system, and from what a Process knows of
// itself. Examine puts that beside a Plan. A Report is text for people, or JSON.
package doctor

import "io/fs"

// Process is what the process that asks knows of itself, because the kernel or Go's runtime has told it.
type Process struct {
	// Files is how many descriptors it may open, FilesHard how far it may raise that. 0 is unknown.
	Files, FilesHard uint64
	// GoLimit is GOMEMLIMIT in bytes, 0 if there is none.
	GoLimit uint64
	// FromCgroup says that nobody has set GoLimit, and that it follows the cgroup's limit.
	FromCgroup bool
	// Procs is GOMAXPROCS.
	Procs int
	// Page is the kernel's page in bytes.
	Page uint64
}

// Machine is what limits a hub on a machine. What is 0 is not there or can't be read, and limits nothing.
type Machine struct {
	// Kernel is its release.
	Kernel string
	// Process is the one that asks.
	Process Process
	// Files are the limits on descriptors.
	Files Files
	// TCP are those on the buffers of sockets.
	TCP TCP
	// Network are those on connections.
	Network Network
	// Memory is that of the machine.
	Memory Memory
	// Quota is how many cores the cgroups leave to the process.
	Quota float64
	// Privileged says that the process has CAP_SYS_ADMIN, which fs.file-max does not hold for.
	Privileged bool
}

// Files are the limits on descriptors beside the one of the process.
type Files struct {
	// PerProcess is fs.nr_open, Total fs.file-max, and Open how many files the whole machine has open.
	PerProcess, Total, Open uint64
	// Watches is fs.epoll.max_user_watches.
	Watches uint64
}

// TCP is what the kernel gives to sockets. Three values are the least, the middle and the most.
type TCP struct {
	// Memory is net.ipv4.tcp_mem in pages.
	Memory [3]uint64
	// Used is how many of its pages are in use.
	Used uint64
	// Read and Write are net.ipv4.tcp_rmem and tcp_wmem in bytes.
	Read, Write [3]uint64
	// ReadMax and WriteMax are net.core.rmem_max and wmem_max.
	ReadMax, WriteMax uint64
}

// Network is what the kernel keeps for connections outside their sockets.
type Network struct {
	// Backlog is net.core.somaxconn, SynBacklog net.ipv4.tcp_max_syn_backlog.
	Backlog, SynBacklog uint64
	// FirstPort and LastPort are net.ipv4.ip_local_port_range.
	FirstPort, LastPort uint64
	// TrackMax is net.netfilter.nf_conntrack_max, and Tracked how many connections the firewall tracks.
	TrackMax, Tracked uint64
}

// Memory is the machine's, in bytes.
type Memory struct {
	// Total and Available are memory, Swap is what pages can be moved to.
	Total, Available, Swap uint64
	// Own is what the process that asks takes of it.
	Own uint64
	// Cgroup is the one that leaves least.
	Cgroup Cgroup
}

// Read reads the limits below root, which is the root of the file system: os.DirFS("/").
func Read(root fs.FS, process Process) Machine {
	f := files{root}
	m := Machine{Process: process, Kernel: f.line("proc/sys/kernel/osrelease"), Privileged: f.isPrivileged()}
	m.Files = Files{
		PerProcess: f.number("proc/sys/fs/nr_open"),
		Total:      f.number("proc/sys/fs/file-max"),
		Open:       f.number("proc/sys/fs/file-nr"),
		Watches:    f.number("proc/sys/fs/epoll/max_user_watches"),
	}
	m.TCP = TCP{
		Memory:   f.three("proc/sys/net/ipv4/tcp_mem"),
		Used:     f.tcpPages(),
		Read:     f.three("proc/sys/net/ipv4/tcp_rmem"),
		Write:    f.three("proc/sys/net/ipv4/tcp_wmem"),
		ReadMax:  f.number("proc/sys/net/core/rmem_max"),
		WriteMax: f.number("proc/sys/net/core/wmem_max"),
	}
	ports := f.three("proc/sys/net/ipv4/ip_local_port_range")
	m.Network = Network{
		Backlog:    f.number("proc/sys/net/core/somaxconn"),
		SynBacklog: f.number("proc/sys/net/ipv4/tcp_max_syn_backlog"),
		FirstPort:  ports[0],
		LastPort:   ports[1],
		TrackMax:   f.number("proc/sys/net/netfilter/nf_conntrack_max"),
		Tracked:    f.number("proc/sys/net/netfilter/nf_conntrack_count"),
	}
	m.Memory = f.memory()
	groups := f.cgroups()
	m.Memory.Cgroup, m.Quota = groups.memory(m.Memory.Own), groups.quota()
	return m
}
