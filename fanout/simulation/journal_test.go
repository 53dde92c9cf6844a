//go:build faults && linux

package simulation

import (
	"strings"
	"sync"
)

// journal is the log of a run. Any goroutine may add to it and read it; mu guards the lines.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

// schedule is what was done so far.
func (j *journal) schedule() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, "\n")
}
