//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/prometheus/procfs"
)

const (
	// growth is how much larger than in the first calm something may be in the last, in percent, beside the slack.
	growth       = 25
	heapSlack    = 8 << 20
	residentMore = 48 << 20
	runningMore  = 20
)

// holding is what a process has in a calm.
type holding struct {
	After    time.Duration `json:"after_ns"`
	Process  string        `json:"process"`
	Resident int64         `json:"resident"`
	Heap     int64         `json:"heap"`
	Running  int           `json:"running"`
}

// resident reads what a process has in memory.
func resident(pid int) (int64, error) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return 0, fmt.Errorf("read the process memory: %w", err)
	}
	stat, err := process.Stat()
	if err != nil {
		return 0, fmt.Errorf("read the process memory: %w", err)
	}
	return int64(stat.ResidentMemory()), nil
}

// judgeMemory compares the last holding of a process with its first.
func judgeMemory(all []holding) (problems []string) {
	first, last := map[string]holding{}, map[string]holding{}
	var processes []string
	for _, h := range all {
		if _, known := first[h.Process]; !known {
			first[h.Process] = h
			processes = append(processes, h.Process)
		}
		last[h.Process] = h
	}
	for _, process := range processes {
		a, b := first[process], last[process]
		for _, c := range []struct {
			what          string
			before, after int64
			slack         int64
		}{
			{"bytes of heap", a.Heap, b.Heap, heapSlack},
			{"bytes resident", a.Resident, b.Resident, residentMore},
			{"goroutines or handles", int64(a.Running), int64(b.Running), runningMore},
		} {
			if most := c.before*(100+growth)/100 + c.slack; c.after > most {
				problems = append(problems, fmt.Sprintf("%s grew from %d to %d %s between the first calm and the last, want at most %d",
					process, c.before, c.after, c.what, most))
			}
		}
	}
	return problems
}
