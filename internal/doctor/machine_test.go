package doctor

import (
	"maps"
	"strings"
	"testing"
	"testing/fstest"
)

// roomy are the files of a machine on which nothing is too low for a hundred thousand spokes.
var roomy = map[string]string{
	"proc/sys/kernel/osrelease":                 "6.18.0\n",
	"proc/sys/fs/nr_open":                       "1048576\n",
	"proc/sys/fs/file-max":                      "2097152\n",
	"proc/sys/fs/file-nr":                       "2000\t0\t2097152\n",
	"proc/sys/fs/epoll/max_user_watches":        "5491511\n",
	"proc/sys/net/core/somaxconn":               "65535\n",
	"proc/sys/net/core/rmem_max":                "4194304\n",
	"proc/sys/net/core/wmem_max":                "4194304\n",
	"proc/sys/net/ipv4/tcp_max_syn_backlog":     "65535\n",
	"proc/sys/net/ipv4/tcp_mem":                 "524288\t786432\t1048576\n",
	"proc/sys/net/ipv4/tcp_rmem":                "4096\t16384\t1048576\n",
	"proc/sys/net/ipv4/tcp_wmem":                "4096\t16384\t1048576\n",
	"proc/sys/net/ipv4/ip_local_port_range":     "1024\t65535\n",
	"proc/sys/net/netfilter/nf_conntrack_max":   "524288\n",
	"proc/sys/net/netfilter/nf_conntrack_count": "288\n",
	"proc/net/sockstat":                         "sockets: used 522\nTCP: inuse 211 orphan 0 tw 2247 alloc 213 mem 118\nUDP: inuse 15 mem 3\n",
	"proc/meminfo":                              "MemTotal: 8388608 kB\nMemFree: 10 kB\nMemAvailable: 4194304 kB\nSwapTotal: 0 kB\n",
	"proc/self/status":                          "Name:\thub\nRssAnon:\t1024 kB\nCapEff:\t0000000000000000\n",
	"proc/self/uid_map":                         "         0          0 4294967295\n",
	"proc/self/cgroup":                          "0::/system.slice/hub.service\n",
	"proc/self/mountinfo":                       "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
	"sys/fs/cgroup/system.slice/memory.max":     "max\n",
	"sys/fs/cgroup/system.slice/cpu.max":        "max 100000\n",
	"sys/fs/cgroup/system.slice/hub.service/x":  "",
	"sys/fs/cgroup/cgroup.controllers":          "cpu memory\n",
}

// process is one that may open enough files.
var process = Process{Files: 200000, FilesHard: 200000, Procs: 2, Page: 4096}

// machine is the roomy one with some of its files in place of others.
func machine(p Process, changed map[string]string) Machine {
	content := maps.Clone(roomy)
	maps.Copy(content, changed)
	root := fstest.MapFS{}
	for name, text := range content {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return Read(root, p)
}

func TestReadFindsWhatTheKernelTells(t *testing.T) {
	m := machine(process, nil)
	if want := (Files{PerProcess: 1048576, Total: 2097152, Open: 2000, Watches: 5491511}); m.Files != want {
		t.Errorf("got %+v, want %+v", m.Files, want)
	}
	three := [3]uint64{4096, 16384, 1048576}
	if want := (TCP{Memory: [3]uint64{524288, 786432, 1048576}, Used: 118, Read: three, Write: three, ReadMax: 4194304, WriteMax: 4194304}); m.TCP != want {
		t.Errorf("got %+v, want %+v", m.TCP, want)
	}
	if want := (Network{Backlog: 65535, SynBacklog: 65535, FirstPort: 1024, LastPort: 65535, TrackMax: 524288, Tracked: 288}); m.Network != want {
		t.Errorf("got %+v, want %+v", m.Network, want)
	}
	if want := (Memory{Total: 8 << 30, Available: 4 << 30, Own: 1<<20 + ownKernelBytes}); m.Memory != want {
		t.Errorf("got %+v, want %+v", m.Memory, want)
	}
	if m.Kernel != "6.18.0" || m.Privileged || m.Quota != 0 {
		t.Errorf("got %q, privileged %v, quota %v, want an ordinary process on 6.18.0", m.Kernel, m.Privileged, m.Quota)
	}
}

func TestWhatIsNotThereLimitsNothing(t *testing.T) {
	r := Examine(Read(fstest.MapFS{}, Process{}), Plan{Spokes: 100000})
	if !r.Enough || r.First != "" || !strings.Contains(r.verdict(), "Nothing") {
		t.Errorf("got %d spokes by %q, want no bound", r.Spokes, r.First)
	}
}

func TestCapabilitiesCountInTheMachinesNamespace(t *testing.T) {
	const all = "CapEff:\t000001ffffffffff\n"
	for name, c := range map[string]struct {
		status, users string
		want          bool
	}{
		"root":                   {all, "0 0 4294967295\n", true},
		"root of a namespace":    {all, "0 1000 1\n", false},
		"root without the right": {"CapEff:\t00000000a80425fb\n", "0 0 4294967295\n", false},
	} {
		m := machine(process, map[string]string{"proc/self/status": c.status, "proc/self/uid_map": c.users})
		if m.Privileged != c.want {
			t.Errorf("%s: got %v, want %v", name, m.Privileged, c.want)
		}
	}
}
