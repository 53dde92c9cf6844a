//go:build linux

package load

import (
	"os"
	"testing"
	"time"
)

func TestParseStatReadsTimes(t *testing.T) {
	for name, c := range map[string]struct {
		content      string
		user, system time.Duration
		fails        bool
	}{
		"of a plain name":               {"12 (hub) S 1 12 12 0 -1 4194304 5 0 0 0 150 250 0 0 20 0 7 0 100 0 0", 1500 * time.Millisecond, 2500 * time.Millisecond, false},
		"of a name with a parenthesis":  {"12 (a) b) S 1 12 12 0 -1 4194304 5 0 0 0 1 2 0 0 20 0 7 0 100 0 0", 10 * time.Millisecond, 20 * time.Millisecond, false},
		"but none where there are none": {"12 (hub) S 1", 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			user, system, err := parseStat([]byte(c.content))
			if user != c.user || system != c.system || (err != nil) != c.fails {
				t.Errorf("got %v, %v, %v, want %v, %v, failure %v", user, system, err, c.user, c.system, c.fails)
			}
		})
	}
}

func TestReadCPUOfThisProcessGrows(t *testing.T) {
	before, err := readCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Millisecond); time.Now().Before(deadline); {
	}
	after, err := readCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after.total() <= before.total() {
		t.Errorf("got %v after %v, want more", after.total(), before.total())
	}
}

func TestKernelTablesAreRead(t *testing.T) {
	if got := socketPages([]byte("sockets: used 15\nTCP: inuse 2 orphan 0 tw 20 alloc 2 mem 601\nUDP: inuse 0 mem 7\n")); got != 601 {
		t.Errorf("got %d pages, want 601", got)
	}
	slabs := "slabinfo - version: 2.1\n# name <active_objs>\nTCP 10 13 2368 13 8 : tunables 0\nfilp 3 21 192 21 1\nother 9 9 9 9 9\n"
	if got, want := sumSlabs([]byte(slabs)), int64(10*2368+3*192); got != want {
		t.Errorf("got %d bytes of slabs, want %d", got, want)
	}
	if got := kilobytes([]byte("Rss:  12 kB\nPss:  7 kB\n"), "Pss:"); got != 7<<10 {
		t.Errorf("got %d bytes, want %d", got, 7<<10)
	}
}

func TestTicksDivideTheExactTime(t *testing.T) {
	before := cpuTime{whole: time.Second, userTicks: 500 * time.Millisecond, systemTicks: 500 * time.Millisecond}
	after := cpuTime{whole: 2 * time.Second, userTicks: 750 * time.Millisecond, systemTicks: 1250 * time.Millisecond}
	used := after.since(before)
	if used.total() != time.Second || used.user() != 250*time.Millisecond || used.system() != 750*time.Millisecond {
		t.Errorf("got %v: user %v, system %v, want 1s: 250ms and 750ms", used.total(), used.user(), used.system())
	}
	if idle := after.since(after); idle.user() != 0 || idle.system() != 0 {
		t.Errorf("got %v and %v of nothing, want none", idle.user(), idle.system())
	}
}
