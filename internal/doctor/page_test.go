package doctor

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the example of docs/doctor.md instead of comparing it")

// TestExampleOfThePageIsAReport holds the report in docs/doctor.md against one of today.
func TestExampleOfThePageIsAReport(t *testing.T) {
	const begin, end = "<!-- example -->\n```\n", "```\n<!-- end of example -->\n"
	name := filepath.Join("..", "..", "docs", "doctor.md")
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(page), begin)
	_, tail, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		t.Fatalf("got a page without %q and %q, want the example between them", begin, end)
	}
	small := Process{Files: 20000, FilesHard: 20000, Procs: 2, Page: 4096, GoLimit: 256 << 20 / 10 * 9, FromCgroup: true}
	var report strings.Builder
	err = Examine(machine(small, map[string]string{
		"sys/fs/cgroup/system.slice/hub.service/memory.max": "268435456\n",
		"sys/fs/cgroup/system.slice/hub.service/cpu.max":    "150000 100000\n",
		"proc/sys/net/core/somaxconn":                       "4096\n",
		"proc/sys/net/ipv4/ip_local_port_range":             "32768\t60999\n",
	}), Plan{Spokes: 100000, QueueLimit: 1 << 20}).WriteText(&report)
	if err != nil {
		t.Fatal(err)
	}
	want := head + begin + report.String() + end + tail
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(page) != want {
		t.Error("got another example in docs/doctor.md, want a report of today: go test ./internal/doctor -run ExampleOfThePage -update")
	}
}
