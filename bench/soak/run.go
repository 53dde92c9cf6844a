//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

// soak is one run. The goroutine of run owns it, except findings, which has a lock.
type soak struct {
	options
	binary string
	out    io.Writer
	began  time.Time
	took   time.Duration
	points []point
	starts []time.Duration
	findings
}

// findings are what scenarios and rounds have found, under the lock. Once the run is over nobody takes it any more.
type findings struct {
	mu       sync.Mutex
	totals   totals
	problems []string
	phases   []phase
	// scenario is the one that runs.
	scenario string
}

// totals add up over all rounds.
type totals struct {
	Checked, Deliveries, Dropped, Accepted, Kills, Drained uint64
	Faults                                                 swarm.Faults
}

func (f *findings) count(add func(*totals)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	add(&f.totals)
}

// problem notes something that must not happen.
func (s *soak) problem(format string, arguments ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems = append(s.problems, fmt.Sprintf("after %v: ", s.elapsed().Round(time.Second))+fmt.Sprintf(format, arguments...))
}

func (s *soak) elapsed() time.Duration { return time.Since(s.began) }

// run soaks until the duration is over or ctx ends, and writes the page. Problems of the hub are in the result; an error means that the
// soak itself failed.
func run(ctx context.Context, o options, out io.Writer) (*soak, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if _, err := swarm.RaiseFileLimit(); err != nil {
		return nil, err
	}
	s := &soak{options: o, binary: o.Hub, out: out}
	if s.binary == "" {
		directory, err := os.MkdirTemp("", "soak")
		if err != nil {
			return nil, fmt.Errorf("make room for the hub: %w", err)
		}
		defer os.RemoveAll(directory)
		if s.binary, err = server.Build(directory, "cmd/spokehub"); err != nil {
			return nil, err
		}
	}
	s.began = time.Now()
	for number := 0; number < o.Rounds && ctx.Err() == nil; number++ {
		end := s.began.Add(o.Duration * time.Duration(number+1) / time.Duration(o.Rounds))
		if err := s.round(ctx, number, end); err != nil {
			s.problem("round %d: %v", number+1, err)
			break
		}
	}
	s.took = s.elapsed()
	if err := s.writePage(); err != nil {
		return s, err
	}
	fmt.Fprintf(out, "%s: %d events checked, faults %+v, %d problems; see %s\n",
		s.took.Round(time.Second), s.totals.Checked, s.totals.Faults, len(s.problems), o.Report)
	return s, nil
}
