package doctor

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// lowered are machines of which one limit is too low, by its name.
var lowered = map[string]struct {
	files   map[string]string
	process Process
	plan    Plan
	spokes  uint64
	remedy  string
}{
	"RLIMIT_NOFILE":             {process: Process{Files: 1024, FilesHard: 4096}, spokes: 4096 - 64, remedy: "LimitNOFILE=100064"},
	"fs.nr_open":                {files: map[string]string{"proc/sys/fs/nr_open": "65536\n"}, spokes: 65536 - 64, remedy: "sysctl -w fs.nr_open=100064"},
	"fs.file-max":               {files: map[string]string{"proc/sys/fs/file-max": "52064\n"}, spokes: 50000, remedy: "sysctl -w fs.file-max=102128"},
	"fs.epoll.max_user_watches": {files: map[string]string{"proc/sys/fs/epoll/max_user_watches": "40064\n"}, spokes: 40000, remedy: "sysctl -w fs.epoll.max_user_watches=100128"},
	"nf_conntrack_max":          {files: map[string]string{"proc/sys/net/netfilter/nf_conntrack_max": "30288\n"}, spokes: 30000, remedy: "sysctl -w net.netfilter.nf_conntrack_max=125288"},
	"net.ipv4.tcp_mem":          {files: map[string]string{"proc/sys/net/ipv4/tcp_mem": "10000 15000 20118\n"}, spokes: 20000, remedy: `sysctl -w net.ipv4.tcp_mem="100118 150177 200236"`},
	"memory":                    {files: map[string]string{"proc/meminfo": "MemTotal: 262144 kB\nMemAvailable: 131072 kB\n"}, spokes: (129<<20 + ownKernelBytes - 7<<20) / (252 + 3814), remedy: "576 MiB available"},
	"cgroup v2 memory":          {files: map[string]string{"sys/fs/cgroup/system.slice/memory.max": "134217728\n"}, spokes: (121 << 20) / (252 + 3814), remedy: "MemoryMax=603979776"},
	"cgroup v1 memory":          {files: map[string]string{"proc/self/cgroup": v1Own, "proc/self/mountinfo": v1Mounts, "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "134217728\n"}, spokes: (121 << 20) / (252 + 1486), remedy: "--memory 256m"},
	"GOMEMLIMIT":                {process: Process{FilesHard: 200000, GoLimit: 16 << 20}, spokes: (9 << 20) / 252, remedy: "GOMEMLIMIT=64MiB"},
	"--max-connections":         {plan: Plan{MaxConnections: 5000}, spokes: 5000, remedy: "--max-connections 100000, or 0"},
}

// examined is the report on one of them.
func examined(name string) Report {
	c := lowered[name]
	if c.process == (Process{}) {
		c.process = process
	}
	c.plan.Spokes = 100000
	return Examine(machine(c.process, c.files), c.plan)
}

func TestARoomyMachineIsEnough(t *testing.T) {
	r := Examine(machine(process, nil), Plan{Spokes: 100000})
	if !r.Enough || r.First != "RLIMIT_NOFILE" || r.Spokes != 200000-64 {
		t.Errorf("got %d spokes by %s, want those of the file limit", r.Spokes, r.First)
	}
	for _, n := range r.Notes {
		if len(n.Remedies) > 0 && n.Name != "net.ipv4.ip_local_port_range" {
			t.Errorf("got %v for %s, want nothing to mend", n.Remedies, n.Name)
		}
	}
}

func TestTheLimitThatIsTooLowIsHitFirst(t *testing.T) {
	for name, c := range lowered {
		t.Run(name, func(t *testing.T) {
			r := examined(name)
			if r.Enough || r.First != name || r.Spokes != c.spokes {
				t.Fatalf("got %d spokes by %s, want %d by %s", r.Spokes, r.First, c.spokes, name)
			}
			var remedies []string
			for _, remedy := range r.Bounds[0].Remedies {
				remedies = append(remedies, remedy.What)
			}
			if all := strings.Join(remedies, "\n"); !strings.Contains(all, c.remedy) {
				t.Errorf("got the remedies %q, want %q", all, c.remedy)
			}
			for _, b := range r.Bounds[1:] {
				if b.Below {
					t.Errorf("got %s as too low as well, with %d", b.Name, b.Spokes)
				}
			}
		})
	}
}

// TestARemedySuffices sets what the remedies say.
func TestARemedySuffices(t *testing.T) {
	for name, mended := range map[string]map[string]string{
		"fs.nr_open":                {"proc/sys/fs/nr_open": "100064\n"},
		"fs.file-max":               {"proc/sys/fs/file-max": "102128\n"},
		"fs.epoll.max_user_watches": {"proc/sys/fs/epoll/max_user_watches": "100128\n"},
		"nf_conntrack_max":          {"proc/sys/net/netfilter/nf_conntrack_max": "125288\n"},
		"net.ipv4.tcp_mem":          {"proc/sys/net/ipv4/tcp_mem": "100118 150177 200236\n"},
		"memory":                    {"proc/meminfo": "MemTotal: 999999 kB\nMemAvailable: 589824 kB\n"},
		"cgroup v2 memory":          {"sys/fs/cgroup/system.slice/memory.max": "603979776\n"},
	} {
		if r := Examine(machine(process, mended), Plan{Spokes: 100000}); !r.Enough {
			t.Errorf("%s: got %d spokes by %s after the remedy, want 100000", name, r.Spokes, r.First)
		}
	}
}

// TestRemediesOfAShellCanBePasted has a shell read what is said to be typed into one.
func TestRemediesOfAShellCanBePasted(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	pasted := map[string]bool{}
	for _, name := range []string{"RLIMIT_NOFILE", "net.ipv4.tcp_mem", "fs.nr_open"} {
		for _, b := range examined(name).Bounds {
			for _, remedy := range b.Remedies {
				if remedy.Where != "shell" && remedy.Where != "root" {
					continue
				}
				pasted[remedy.Where] = true
				if says, err := exec.Command(shell, "-n", "-c", remedy.What).CombinedOutput(); err != nil {
					t.Errorf("%s: sh says %q of %q", b.Name, says, remedy.What)
				}
			}
		}
	}
	if !pasted["shell"] || !pasted["root"] {
		t.Errorf("got commands for %v, want some for a shell and for root", pasted)
	}
}

func TestWhatIsExemptBoundsNothing(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"fs.file-max":      {"proc/sys/fs/file-max": "3000\n", "proc/self/status": "CapEff:\t000001ffffffffff\n"},
		"nf_conntrack_max": {"proc/sys/net/netfilter/nf_conntrack_max": "30000\n", "proc/sys/net/netfilter/nf_conntrack_count": "0\n"},
		"cgroup memory":    nil,
	} {
		r := Examine(machine(process, files), Plan{Spokes: 100000})
		found := false
		for _, b := range r.Bounds {
			found = found || b.Name == name && b.Free
		}
		if !found || !r.Enough {
			t.Errorf("%s: got %+v, want it without a bound", name, r.Bounds)
		}
	}
}

func TestTLSTakesMoreMemory(t *testing.T) {
	files := map[string]string{"sys/fs/cgroup/system.slice/memory.max": "134217728\n"}
	if r := Examine(machine(process, files), Plan{Spokes: 100000, TLS: true}); r.Spokes != (121<<20)/(6767+3814) {
		t.Errorf("got %d spokes, want those of 6,767 bytes each", r.Spokes)
	}
}

func TestEachCoreTakesMemory(t *testing.T) {
	large := process
	large.Procs = 66
	files := map[string]string{"sys/fs/cgroup/system.slice/memory.max": "134217728\n"}
	if r := Examine(machine(large, files), Plan{Spokes: 100000}); r.Spokes != (111<<20)/(252+3814) {
		t.Errorf("got %d spokes, want 10 MiB less for 64 more cores", r.Spokes)
	}
}

func TestNotesFollowTheFlags(t *testing.T) {
	for name, c := range map[string]struct {
		process Process
		plan    Plan
		note    string
		value   string
		remedy  string
	}{
		"a quarter of the machine":        {process, Plan{}, "--memory-budget", "2 GiB", ""},
		"a quarter of GOMEMLIMIT":         {Process{GoLimit: 1 << 30}, Plan{}, "--memory-budget", "256 MiB", ""},
		"more than the machine has":       {Process{GoLimit: 1 << 40}, Plan{}, "--memory-budget", "2 GiB", ""},
		"the flag":                        {process, Plan{MemoryBudget: 1 << 30}, "--memory-budget", "1 GiB", ""},
		"a send buffer that is cut":       {process, Plan{SendBuffer: 8 << 20}, "--send-buffer", "8 MiB", "sysctl -w net.core.wmem_max=8388608"},
		"a send buffer":                   {process, Plan{SendBuffer: 1 << 20}, "--send-buffer", "1 MiB", ""},
		"ports for more than one address": {process, Plan{Spokes: 100000}, "net.ipv4.ip_local_port_range", "1024 to 65535", `sysctl -w net.ipv4.ip_local_port_range="1024 65535"`},
	} {
		found := false
		for _, n := range Examine(machine(c.process, nil), c.plan).Notes {
			if n.Name != c.note {
				continue
			}
			found = true
			remedy := ""
			if len(n.Remedies) > 0 {
				remedy = n.Remedies[0].What
			}
			if n.Value != c.value || remedy != c.remedy {
				t.Errorf("%s: got %q and %q, want %q and %q", name, n.Value, remedy, c.value, c.remedy)
			}
		}
		if !found {
			t.Errorf("%s: got no note on %s", name, c.note)
		}
	}
}

func TestAReportFitsAnOldTerminal(t *testing.T) {
	for name := range lowered {
		var text strings.Builder
		r := examined(name)
		if err := r.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(text.String(), "\n")
		for _, line := range lines {
			if width := utf8.RuneCountInString(line); width > columns || strings.TrimRight(line, " ") != line {
				t.Errorf("%s: got %d columns, want %d at most and no blanks at the end: %q", name, width, columns, line)
			}
		}
		if top := strings.Join(lines[:6], "\n"); !strings.Contains(top, r.First+" is hit first") {
			t.Errorf("%s: got %q on top, want what is hit first", name, top)
		}
		if first := lines[5]; !strings.HasPrefix(first, "!") || !strings.Contains(first, name) {
			t.Errorf("%s: got %q as the first row, want it", name, first)
		}
		if !strings.Contains(text.String(), lowered[name].remedy) {
			t.Errorf("%s: got no remedy in\n%s", name, &text)
		}
	}
}

func TestAReportIsTheSameInJSON(t *testing.T) {
	want := examined("net.ipv4.tcp_mem")
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Spokes, Wanted uint64
		First          string
		Enough         bool
		Bounds         []struct {
			Name     string
			Remedies []struct{ Where, What string }
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Spokes != 20000 || got.Wanted != 100000 || got.First != "net.ipv4.tcp_mem" || got.Enough || got.Bounds[0].Name != got.First || got.Bounds[0].Remedies[0].Where != "root" {
		t.Errorf("got %+v, want what the text says", got)
	}
}

// TestConstantsAreThoseOfTheResults holds the constants against bench/RESULTS.md, where new measurements may move them by a tenth.
func TestConstantsAreThoseOfTheResults(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "bench", "RESULTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	measured := func(row string) (values []float64) {
		for _, found := range regexp.MustCompile(`(?m)^\| `+regexp.QuoteMeta(row)+` \|(?:[^|]*\|){4}\s*([0-9.]+) \|`).FindAllStringSubmatch(string(page), -1) {
			value, err := strconv.ParseFloat(found[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, value)
		}
		return values
	}
	process, kernel := measured("idle and subscribed: process memory"), measured("idle and subscribed: kernel memory, the server's end")
	if len(process) != 2 || len(kernel) != 1 {
		t.Fatalf("got the rows %v and %v, want the plain one, that of TLS, and that of the kernel", process, kernel)
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{{"processBytes", processBytes, process[0]}, {"tlsBytes", tlsBytes, process[1]}, {"kernelBytes", kernelBytes, kernel[0]}} {
		if c.got < c.want*0.9 || c.got > c.want*1.1 {
			t.Errorf("%s: got %v, want about %v", c.name, c.got, c.want)
		}
	}
}
