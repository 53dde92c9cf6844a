//go:build linux

package swarm

import "testing"

func TestFileLimitAdaptation(t *testing.T) {
	for name, c := range map[string]struct {
		limit              FileLimit
		connections, cores int
		room, processes    int
	}{
		"takes one process for each core":           {FileLimit{1024, 20_000}, 10_000, 2, 19_800, 2},
		"takes one on a single core":                {FileLimit{1024, 20_000}, 10_000, 1, 19_800, 1},
		"adds processes where a limit is too small": {FileLimit{1024, 20_000}, 100_000, 2, 19_800, 6},
		"goes to the last descriptor":               {FileLimit{1024, 20_000}, 39_600, 2, 19_800, 2},
		"and one connection further":                {FileLimit{1024, 20_000}, 39_601, 2, 19_800, 3},
		"reaches a million":                         {FileLimit{1024, 1 << 20}, 1_000_000, 2, 1<<20 - 200, 2},
		"lives with a tiny limit":                   {FileLimit{64, 256}, 300, 1, 128, 3},
		"doesn't overflow without a limit":          {FileLimit{1024, ^uint64(0)}, 1000, 2, 1 << 30, 2},
		"has one process for no connection":         {FileLimit{1024, 20_000}, 0, 0, 19_800, 1},
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
	found, err := RaiseFileLimit()
	if err != nil {
		t.Fatal(err)
	}
	if found.Soft != found.Hard {
		t.Errorf("got soft %d, want the hard limit %d", found.Soft, found.Hard)
	}
}
