package doctor

import "testing"

const (
	v1Mounts = "30 24 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" +
		"31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" +
		"32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
		"33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
	v1Own     = "3:cpu,cpuacct:/a/b\n4:memory:/a/b\n0::/\n"
	v1Nothing = "9223372036854771712\n"
)

func TestTheCgroupThatLeavesLeastCounts(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  Cgroup
	}{
		"the own one": {map[string]string{
			"sys/fs/cgroup/system.slice/hub.service/memory.max": "1073741824\n",
		}, Cgroup{Path: "/sys/fs/cgroup/system.slice/hub.service", Version: 2, Limit: 1 << 30}},
		"one above it": {map[string]string{
			"sys/fs/cgroup/system.slice/hub.service/memory.max": "1073741824\n",
			"sys/fs/cgroup/system.slice/memory.max":             "536870912\n",
		}, Cgroup{Path: "/sys/fs/cgroup/system.slice", Version: 2, Limit: 512 << 20}},
		"one above it that others fill": {map[string]string{
			"sys/fs/cgroup/system.slice/hub.service/memory.max": "1073741824\n",
			"sys/fs/cgroup/system.slice/memory.max":             "4294967296\n",
			"sys/fs/cgroup/system.slice/memory.stat":            "anon 3221225472\nfile 99999999\nkernel 536870912\nshmem 1048576\nsock 4096\nslab_reclaimable 268435456\n",
		}, Cgroup{Path: "/sys/fs/cgroup/system.slice", Version: 2, Limit: 4 << 30, Others: 3<<30 + 256<<20 + 4<<10 - ownKernelBytes}},
		"one above it on an older kernel": {map[string]string{
			"sys/fs/cgroup/system.slice/memory.max":  "4294967296\n",
			"sys/fs/cgroup/system.slice/memory.stat": "anon 3221225472\nkernel_stack 1048576\nslab 5242880\nslab_reclaimable 5242880\n",
		}, Cgroup{Path: "/sys/fs/cgroup/system.slice", Version: 2, Limit: 4 << 30, Others: 3<<30 - ownKernelBytes}},
		"that of a container, which sees itself as the root": {map[string]string{
			"proc/self/cgroup":         "0::/\n",
			"sys/fs/cgroup/memory.max": "1073741824\n",
		}, Cgroup{Path: "/sys/fs/cgroup", Version: 2, Limit: 1 << 30}},
		"that of a container, which sees its path on the host": {map[string]string{
			"proc/self/cgroup":         "0::/docker/abc\n",
			"proc/self/mountinfo":      "30 24 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup ro\n",
			"sys/fs/cgroup/memory.max": "1073741824\n",
		}, Cgroup{Path: "/sys/fs/cgroup", Version: 2, Limit: 1 << 30}},
		"version 1": {map[string]string{
			"proc/self/cgroup": v1Own, "proc/self/mountinfo": v1Mounts,
			"sys/fs/cgroup/memory/a/b/memory.limit_in_bytes":    v1Nothing,
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes":      "1073741824\n",
			"sys/fs/cgroup/memory/a/memory.kmem.usage_in_bytes": "1048576\n",
			"sys/fs/cgroup/memory/a/memory.stat":                "cache 1\nrss 7\ntotal_cache 5000000\ntotal_rss 8388608\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":        v1Nothing,
		}, Cgroup{Path: "/sys/fs/cgroup/memory/a", Version: 1, Limit: 1 << 30, Others: 8<<20 - ownKernelBytes}},
		"a mount whose path has a blank": {map[string]string{
			"proc/self/mountinfo":                           `30 24 0:26 / /my\040groups rw - cgroup2 cgroup2 rw` + "\n",
			"my groups/system.slice/hub.service/memory.max": "1073741824\n",
		}, Cgroup{Path: "/my groups/system.slice/hub.service", Version: 2, Limit: 1 << 30}},
		"none, where none has a limit":   {nil, Cgroup{}},
		"none, where nothing is mounted": {map[string]string{"proc/self/mountinfo": ""}, Cgroup{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := machine(process, c.files).Memory.Cgroup; got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestTheSmallestQuotaCounts(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  float64
	}{
		"version 2, one above": {map[string]string{
			"sys/fs/cgroup/system.slice/hub.service/cpu.max": "400000 100000\n",
			"sys/fs/cgroup/system.slice/cpu.max":             "150000 100000\n",
		}, 1.5},
		"version 1": {map[string]string{
			"proc/self/cgroup": v1Own, "proc/self/mountinfo": v1Mounts,
			"sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us":  "50000\n",
			"sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us":    "-1\n",
			"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us":   "100000\n",
		}, 0.5},
		"no quota": {nil, 0},
	} {
		crowded := process
		crowded.Procs = 8
		m := machine(crowded, c.files)
		if m.Quota != c.want {
			t.Errorf("%s: got %v, want %v", name, m.Quota, c.want)
		}
		notes := Examine(m, Plan{Spokes: 1}).Notes
		if cpu := notes[len(notes)-1]; cpu.Name != "GOMAXPROCS" || (len(cpu.Remedies) > 0) != (c.want > 0) {
			t.Errorf("%s: got %+v, want a remedy for 8 Ps if there is a quota", name, cpu)
		}
	}
}
