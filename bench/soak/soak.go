//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spokehub/spokehub/bench/storm"
	"github.com/spokehub/spokehub/bench/swarm"
)

// soak is one run: what was asked for, and what was found.
type soak struct {
	options
	binary  string
	out     io.Writer
	began   time.Time
	took    time.Duration
	points  []point
	spells  []spell
	starts  []time.Duration
	totals  totals
	mu      sync.Mutex
	wrong   []string
	weather string
	topic   int
}

// totals add up over all laps.
type totals struct {
	Checked, Deliveries, Dropped, Accepted, Kills uint64
	Drained                                       int
	Faults                                        swarm.Faults
}

// complain notes something that must not be.
func (s *soak) complain(format string, arguments ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = append(s.wrong, fmt.Sprintf("after %v: ", s.elapsed().Round(time.Second))+fmt.Sprintf(format, arguments...))
}

func (s *soak) elapsed() time.Duration { return time.Since(s.began) }

// run soaks until the duration is over or ctx ends, and writes the page. What was wrong with the hub is in the result; an error means
// that it could not be found out.
func run(ctx context.Context, o options, out io.Writer) (*soak, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if _, err := swarm.RaiseFileLimit(); err != nil {
		return nil, err
	}
	s := &soak{options: o, binary: o.Hub, out: out, topic: firstVictimTopic}
	if s.binary == "" {
		directory, err := os.MkdirTemp("", "soak")
		if err != nil {
			return nil, fmt.Errorf("make room for the hub: %w", err)
		}
		defer os.RemoveAll(directory)
		if s.binary, err = storm.Build(directory); err != nil {
			return nil, err
		}
	}
	s.began = time.Now()
	for lap := range o.Laps {
		end := s.began.Add(o.Duration * time.Duration(lap+1) / time.Duration(o.Laps))
		if err := s.lap(ctx, lap, end); err != nil {
			s.complain("lap %d: %v", lap+1, err)
			break
		}
		if ctx.Err() != nil {
			break
		}
	}
	s.took = s.elapsed()
	if err := s.writePage(); err != nil {
		return s, err
	}
	fmt.Fprintf(out, "%s: %d events checked, faults %+v, %d wrong; see %s\n",
		s.took.Round(time.Second), s.totals.Checked, s.totals.Faults, len(s.wrong), o.Report)
	return s, nil
}
