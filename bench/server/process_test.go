//go:build linux

package server

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
			got, err := parseStat([]byte(c.content))
			if got.userTicks != c.user || got.systemTicks != c.system || (err != nil) != c.fails {
				t.Errorf("got %+v, %v, want user %v, system %v, failure %v", got, err, c.user, c.system, c.fails)
			}
		})
	}
}

func TestReadCPUOfThisProcessGrows(t *testing.T) {
	before, err := ReadCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Millisecond); time.Now().Before(deadline); {
	}
	after, err := ReadCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if after.Whole <= before.Whole {
		t.Errorf("got %v after %v, want more", after.Whole, before.Whole)
	}
}

func TestKernelTablesAreRead(t *testing.T) {
	sockets := []byte("sockets: used 15\nTCP: inuse 2 orphan 0 tw 20 alloc 2 mem 601\nUDP: inuse 0 mem 7\n")
	if got := number(sockets, "TCP:", "mem"); got != 601 {
		t.Errorf("got %d pages, want 601", got)
	}
	slabs := "slabinfo - version: 2.1\n# name <active_objs>\nTCP 10 13 2368 13 8 : tunables 0\nfilp 3 21 192 21 1\nother 9 9 9 9 9\n"
	if got, want := sumSlabs([]byte(slabs)), int64(10*2368+3*192); got != want {
		t.Errorf("got %d bytes of slabs, want %d", got, want)
	}
	if got := number([]byte("Rss:  12 kB\nPss:  7 kB\n"), "Pss:", "Pss:"); got != 7 {
		t.Errorf("got %d kB, want 7", got)
	}
}

func TestTicksDivideTheExactTime(t *testing.T) {
	before := CPU{Whole: time.Second, userTicks: 500 * time.Millisecond, systemTicks: 500 * time.Millisecond}
	after := CPU{Whole: 2 * time.Second, userTicks: 750 * time.Millisecond, systemTicks: 1250 * time.Millisecond}
	used := after.Since(before)
	if used.Whole != time.Second || used.User() != 250*time.Millisecond || used.System() != 750*time.Millisecond {
		t.Errorf("got %v: user %v, system %v, want 1s: 250ms and 750ms", used.Whole, used.User(), used.System())
	}
	if idle := after.Since(after); idle.User() != 0 || idle.System() != 0 {
		t.Errorf("got %v and %v of nothing, want none", idle.User(), idle.System())
	}
}
