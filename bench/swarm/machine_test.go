//go:build linux

package swarm

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestFileLimitAdaptation(t *testing.T) {
	for name, c := range map[string]struct {
		limit              FileLimit
		connections, cores int
		room, processes    int
	}{
		"takes one process for each core":           {20_000, 10_000, 2, 19_800, 2},
		"takes one on a single core":                {20_000, 10_000, 1, 19_800, 1},
		"adds processes where a limit is too small": {20_000, 100_000, 2, 19_800, 6},
		"goes to the last descriptor":               {20_000, 39_600, 2, 19_800, 2},
		"and one connection further":                {20_000, 39_601, 2, 19_800, 3},
		"reaches a million":                         {1 << 20, 1_000_000, 2, 1<<20 - 200, 2},
		"lives with a tiny limit":                   {256, 300, 1, 128, 3},
		"doesn't overflow without a limit":          {^FileLimit(0), 1000, 2, 1 << 30, 2},
		"has one process for no connection":         {20_000, 0, 0, 19_800, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.limit.Room(); got != c.room {
				t.Errorf("got room %d, want %d", got, c.room)
			}
			if got := c.limit.Processes(c.connections, c.cores); got != c.processes {
				t.Errorf("got %d processes, want %d", got, c.processes)
			}
		})
	}
}

func TestRaiseFileLimitRaisesToTheHardOne(t *testing.T) {
	if _, err := RaiseFileLimit(); err != nil {
		t.Fatal(err)
	}
	var found unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &found); err != nil || found.Cur != found.Max {
		t.Errorf("got soft %d and %v, want the hard limit %d", found.Cur, err, found.Max)
	}
}
