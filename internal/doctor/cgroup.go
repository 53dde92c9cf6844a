package doctor

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// Cgroup is a control group that limits the memory of the process.
type Cgroup struct {
	// Path is where its files are, "" if none limits the memory.
	Path string
	// Version is that of its hierarchy, 1 or 2.
	Version int
	// Limit is in bytes, Others what is taken of it by other processes and can't be reclaimed.
	Limit, Others uint64
}

// Room is what the cgroup leaves to the hub, in bytes.
func (c Cgroup) Room() uint64 { return c.Limit - min(c.Limit, c.Others) }

// hierarchy is a mounted tree of cgroups with the one that the process is in.
type hierarchy struct {
	version int
	// levels are the directories from the cgroup of the process up to the mount point.
	levels []string
}

// cgroups are the hierarchies that limit the process, by controller.
type cgroups struct {
	files     files
	byMemory  hierarchy
	byProcess hierarchy
}

// mount is a line of mountinfo that mounts cgroups.
type mount struct {
	root, point string
	version     int
	controllers []string
}

func (f files) cgroups() cgroups {
	return cgroups{files: f, byMemory: f.hierarchy("memory"), byProcess: f.hierarchy("cpu")}
}

// hierarchy finds the one that has a controller: one of version 1 if it has that, else version 2.
func (f files) hierarchy(controller string) hierarchy {
	version, own := f.ownCgroup(controller)
	if version == 0 {
		return hierarchy{}
	}
	var found hierarchy
	for _, m := range f.cgroupMounts() {
		if m.version != version || version == 1 && !slices.Contains(m.controllers, controller) {
			continue
		}
		if levels := f.levels(m, own); len(levels) > len(found.levels) {
			found = hierarchy{version: version, levels: levels}
		}
	}
	return found
}

// ownCgroup is the path that /proc/self/cgroup has for a controller.
func (f files) ownCgroup(controller string) (version int, own string) {
	for line := range strings.Lines(f.text("proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) != 3:
		case parts[0] == "0" && parts[1] == "" && version == 0:
			version, own = 2, parts[2]
		case slices.Contains(strings.Split(parts[1], ","), controller):
			version, own = 1, parts[2]
		}
	}
	return version, own
}

func (f files) cgroupMounts() (mounts []mount) {
	for line := range strings.Lines(f.text("proc/self/mountinfo")) {
		before, after, found := strings.Cut(line, " - ")
		fields, system := strings.Fields(before), strings.Fields(after)
		if !found || len(fields) < 5 || len(system) < 3 {
			continue
		}
		m := mount{root: unescaped(fields[3]), point: unescaped(fields[4])}
		switch system[0] {
		case "cgroup":
			m.version, m.controllers = 1, strings.Split(system[2], ",")
		case "cgroup2":
			m.version = 2
		default:
			continue
		}
		mounts = append(mounts, m)
	}
	return mounts
}

// unescaped undoes what the kernel does to blanks in the paths of mountinfo.
func unescaped(text string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(text)
}

// levels are the directories of a cgroup and those above it, as far as the mount shows them. A container may see only its own part of the tree.
func (f files) levels(m mount, own string) (levels []string) {
	point := strings.TrimPrefix(path.Clean(m.point), "/")
	below, isBelow := strings.CutPrefix(own, strings.TrimSuffix(m.root, "/"))
	if !isBelow || below != "" && below[0] != '/' {
		below = "/"
	}
	at := path.Join(point, path.Clean("/"+below))
	for ; ; at = path.Dir(at) {
		levels = append(levels, at)
		if at == point || at == "." || len(at) < len(point) {
			return levels
		}
	}
}

// memory is the cgroup that leaves least to the hub, apart from what the process itself takes already.
func (c cgroups) memory(own uint64) (least Cgroup) {
	for _, level := range c.byMemory.levels {
		g := c.memoryOf(level, own)
		if g.Limit > 0 && (least.Limit == 0 || g.Room() < least.Room()) {
			least = g
		}
	}
	return least
}

// memoryOf reads the sums of memory.stat: the files with the usage run up to 64 pages a core ahead, and count what can be reclaimed.
func (c cgroups) memoryOf(level string, own uint64) Cgroup {
	stat := func(name string) uint64 { return c.files.named(path.Join(level, "memory.stat"), name) }
	number := func(name string) uint64 { return c.files.number(path.Join(level, name)) }
	g := Cgroup{Path: "/" + level, Version: c.byMemory.version}
	if g.Version == 1 {
		g.Limit = number("memory.limit_in_bytes")
		g.Others = stat("total_rss") + number("memory.kmem.usage_in_bytes")
	} else {
		g.Limit = number("memory.max")
		kernel := stat("kernel")
		if kernel == 0 {
			kernel = stat("slab") + stat("kernel_stack") + stat("pagetables")
		}
		g.Others = stat("anon") + stat("shmem") + stat("sock") + kernel - min(kernel, stat("slab_reclaimable"))
	}
	g.Others -= min(g.Others, own)
	return g
}

// quota is the smallest number of cores that a level allows, 0 if none does.
func (c cgroups) quota() (least float64) {
	for _, level := range c.byProcess.levels {
		var quota, period string
		if c.byProcess.version == 1 {
			quota, period = c.files.line(path.Join(level, "cpu.cfs_quota_us")), c.files.line(path.Join(level, "cpu.cfs_period_us"))
		} else {
			quota, period, _ = strings.Cut(c.files.line(path.Join(level, "cpu.max")), " ")
		}
		q, err := strconv.ParseFloat(quota, 64)
		p, errPeriod := strconv.ParseFloat(period, 64)
		if err != nil || errPeriod != nil || q <= 0 || p <= 0 {
			continue
		}
		if cores := q / p; least == 0 || cores < least {
			least = cores
		}
	}
	return least
}
