package doctor

import "fmt"

// Plan is what a hub is to do, as its flags say.
type Plan struct {
	// Spokes is how many there are to be.
	Spokes uint64
	// MaxConnections is --max-connections, 0 if it is not given.
	MaxConnections uint64
	// TLS says that the hub itself speaks TLS.
	TLS bool
	// MemoryBudget is --memory-budget in bytes, 0 for its default. QueueLimit and SendBuffer are the flags of these names.
	MemoryBudget, QueueLimit, SendBuffer uint64
}

// Bound is a limit on the number of spokes.
type Bound struct {
	// Name is the kernel's, or that of the flag or variable.
	Name string `json:"name"`
	// Value is what is set.
	Value string `json:"value"`
	// Spokes is how many it allows, 0 if it is Free.
	Spokes uint64 `json:"spokes"`
	// Free says that it holds for no spoke.
	Free bool `json:"no_bound"`
	// Why says what a spoke takes of it.
	Why string `json:"why"`
	// Below says that it allows fewer spokes than the plan has.
	Below bool `json:"below"`
	// Remedies raise one that is too low.
	Remedies []Remedy `json:"remedies,omitempty"`
}

// Remedy is what raises a limit.
type Remedy struct {
	// Where is what it belongs to: root's shell, systemd, docker.
	Where string `json:"where"`
	// What is a command, or a setting.
	What string `json:"what"`
}

// sysctl is the remedy for a setting of the kernel.
func sysctl(name string, value any) []Remedy {
	return []Remedy{{"root", fmt.Sprintf("sysctl -w %s=%v", name, quoted(value))}}
}

func quoted(value any) string {
	if text, isText := value.(string); isText {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprint(value)
}

// examination collects the bounds of a machine for a plan.
type examination struct {
	Machine
	plan Plan
	one  Constants
	all  []Bound
}

// add notes a bound of spokes for a limit that is set. Remedies are kept if it allows less than the plan.
func (e *examination) add(name, value string, spokes uint64, why string, remedies []Remedy) {
	b := Bound{Name: name, Value: value, Spokes: spokes, Why: why, Below: spokes < e.plan.Spokes}
	if b.Below {
		b.Remedies = remedies
	}
	e.all = append(e.all, b)
}

// free notes a limit that holds for no spoke.
func (e *examination) free(name, value, why string) {
	e.all = append(e.all, Bound{Name: name, Value: value, Free: true, Why: why})
}

// bounds are all limits on the number of spokes.
func (e *examination) bounds() []Bound {
	e.ownFiles()
	e.allFiles()
	e.watches()
	e.tracking()
	e.pages()
	e.machineMemory()
	e.cgroupMemory()
	e.goMemory()
	if limit := e.plan.MaxConnections; limit > 0 {
		e.add("--max-connections", count(limit), limit, "it is the number of spokes", []Remedy{{"hub", fmt.Sprintf("--max-connections %d, or 0", e.plan.Spokes)}})
	}
	return e.all
}

// beside is what is left of a limit beside what is reserved, which is half of a low one at most.
func beside(limit, reserved uint64) uint64 { return limit - min(reserved, limit/2) }

func (e *examination) ownFiles() {
	why := fmt.Sprintf("a spoke takes one descriptor, the hub itself %d", reservedFiles)
	needed := e.plan.Spokes + reservedFiles
	raise := func(name string) []Remedy { return sysctl(name, needed) }
	if e.Files.PerProcess > 0 {
		e.add("fs.nr_open", count(e.Files.PerProcess)+" descriptors a process", beside(e.Files.PerProcess, reservedFiles), why, raise("fs.nr_open"))
	}
	limit := max(e.Process.Files, e.Process.FilesHard)
	if limit == 0 {
		return
	}
	e.add("RLIMIT_NOFILE", fmt.Sprintf("%s descriptors", count(limit)), beside(limit, reservedFiles), why, []Remedy{
		{"systemd", fmt.Sprintf("LimitNOFILE=%d", needed)},
		{"shell", fmt.Sprintf("ulimit -n %d # as root", needed)},
		{"docker", fmt.Sprintf("--ulimit nofile=%d:%d", needed, needed)},
		{"kubernetes", fmt.Sprintf("LimitNOFILE=%d of the node's containerd", needed)},
	})
}

func (e *examination) allFiles() {
	f := e.Files
	value := fmt.Sprintf("%s files, %s open", count(f.Total), count(f.Open))
	switch {
	case f.Total == 0:
	case e.Privileged:
		e.free("fs.file-max", value, "CAP_SYS_ADMIN is exempt from it")
	default:
		e.add("fs.file-max", value, beside(f.Total-min(f.Total, f.Open), reservedFiles),
			fmt.Sprintf("a spoke takes one file of the machine, the hub itself %d", reservedFiles),
			sysctl("fs.file-max", f.Open+e.plan.Spokes+2*reservedFiles))
	}
}

func (e *examination) watches() {
	if limit := e.Files.Watches; limit > 0 {
		e.add("fs.epoll.max_user_watches", count(limit)+" watches a user", beside(limit, reservedWatches), "a spoke takes one watch of its user's",
			sysctl("fs.epoll.max_user_watches", e.plan.Spokes+2*reservedWatches))
	}
}

func (e *examination) tracking() {
	n := e.Network
	value := fmt.Sprintf("%s connections, %s tracked", count(n.TrackMax), count(n.Tracked))
	switch {
	case n.TrackMax == 0:
		e.free("nf_conntrack_max", "absent", "no firewall tracks connections")
	case n.Tracked == 0:
		e.free("nf_conntrack_max", value, "the firewall tracks no connection here")
	default:
		e.add("nf_conntrack_max", value, n.TrackMax-min(n.TrackMax, n.Tracked), "the firewall tracks each connection",
			sysctl("net.netfilter.nf_conntrack_max", n.Tracked+e.plan.Spokes+e.plan.Spokes/4))
	}
}

func (e *examination) pages() {
	most, used := e.TCP.Memory[2], e.TCP.Used
	if most == 0 {
		return
	}
	needed := used + e.plan.Spokes*pages
	e.add("net.ipv4.tcp_mem", fmt.Sprintf("%s pages, %s in use", count(most), count(used)), (most-min(most, used))/pages,
		"an event that goes to all takes a page of each socket until it has arrived",
		sysctl("net.ipv4.tcp_mem", fmt.Sprintf("%d %d %d", needed, needed+needed/2, 2*needed)))
}

// fitting is how many spokes of so many bytes go into memory beside the process itself.
func (e *examination) fitting(memory, each uint64) uint64 {
	return (memory - min(memory, uint64(e.one.BaseBytes))) / each
}

// needs is the memory for the spokes of the plan, with a third more for what they make the hub hold: --memory-budget.
func (e *examination) needs(each uint64) uint64 {
	return (uint64(e.one.BaseBytes) + e.plan.Spokes*each) / 3 * 4
}

func (e *examination) machineMemory() {
	available := e.Memory.Available
	if available == 0 {
		return
	}
	each := uint64(e.one.ProcessBytes + e.one.KernelBytes)
	e.add("memory", fmt.Sprintf("%s of %s available", size(available), size(e.Memory.Total)), e.fitting(available+e.Memory.Own, each),
		fmt.Sprintf("an idle spoke takes %s bytes, %s of them in the kernel", count(each), count(uint64(e.one.KernelBytes))),
		[]Remedy{{"machine", fmt.Sprintf("%s available, or several hubs: docs/cluster.md", size(roundUp(e.needs(each))))}})
}

func (e *examination) cgroupMemory() {
	g := e.Memory.Cgroup
	if g.Limit == 0 {
		e.free("cgroup memory", "no limit", "no cgroup limits the memory")
		return
	}
	each := e.one.ofCgroup(g.Version)
	needed := roundUp(e.needs(each) + g.Others)
	name := fmt.Sprintf("cgroup v%d memory", g.Version)
	e.add(name, fmt.Sprintf("%s, %s taken by others", size(g.Limit), size(g.Others)), e.fitting(g.Room(), each),
		fmt.Sprintf("an idle spoke takes %s bytes of %s", count(each), g.Path),
		[]Remedy{
			{"systemd", fmt.Sprintf("MemoryMax=%d", needed)},
			{"docker", fmt.Sprintf("--memory %dm", needed>>20)},
			{"kubernetes", fmt.Sprintf("resources.limits.memory: %dMi", needed>>20)},
		})
}

func (e *examination) goMemory() {
	limit := e.Process.GoLimit
	switch {
	case limit == 0:
		e.free("GOMEMLIMIT", "off", "Go's memory has no limit of its own")
	case e.Process.FromCgroup:
		e.free("GOMEMLIMIT", size(limit)+", from the cgroup", "it follows the cgroup, whose limit is hit first")
	default:
		each := uint64(e.one.ProcessBytes)
		e.add("GOMEMLIMIT", size(limit), e.fitting(limit, each),
			fmt.Sprintf("an idle spoke takes %s bytes; beyond it the collector takes up to half of the CPU", count(each)),
			[]Remedy{{"variable", fmt.Sprintf("GOMEMLIMIT=%dMiB, or unset: 0.9 of the cgroup's", roundUp(e.needs(each))>>20)}})
	}
}

// roundUp rounds to 64 MiB.
func roundUp(bytes uint64) uint64 {
	const step = 64 << 20
	return (bytes + step - 1) / step * step
}
