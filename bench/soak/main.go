//go:build linux

// Command soak runs the hub for hours against hostile, slow and dead peers, and reports what it held meanwhile.
//
//	go run ./bench/soak --duration 8h --report soak.txt --data soak.csv
//
// It runs in rounds. In each, the real binary serves subscribers that check every event for loss, duplicates and order, while one scenario
// follows another: connects and kills, processes that stop, processes that die at once, handshakes that never end, garbage, floods, calm.
// A round ends with a check of what each subscriber received and of the hub's ledger, and with a drain of all spokes by SIGTERM. At the
// end it writes a table of all figures by scenario, on demand also each reading, and exits with 1 if there was a problem.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

const description = `Serves checked subscribers for hours while peers connect and die, stop, flood and send garbage, restarts the hub ` +
	`between rounds, and reports memory, descriptors, goroutines, latency and counters by scenario. ` +
	`It ends by itself. Exit code 1: an event was lost, duplicated or reordered, the ledger doesn't add up, or the hub failed.

    go run ./bench/soak --duration 1m    a quick look
    go run ./bench/soak --duration 8h --spokes 5000 --data night.csv    overnight`

// options are the flags of the command line.
type options struct {
	Duration time.Duration `help:"How long in all, as in 90s, 30m or 8h. (default ${default})" default:"10m" placeholder:"TIME"`
	Rounds   int           `help:"How often the hub is drained and started anew, evenly spread. (default ${default})" default:"4" placeholder:"N"`
	Listen   string        `help:"Where the hub listens; port 0 picks a free one. (default ${default})" default:"127.0.0.1:0" placeholder:"HOST:PORT"`
	Spokes   int           `help:"Subscribers that must get every event. (default ${default})" default:"1000" placeholder:"N"`
	Rate     float64       `help:"Events a second to the common topic; as many go to small topics. (default ${default})" default:"50" placeholder:"N"`
	Victims  int           `help:"Spokes that stop or die in one scenario. (default ${default})" default:"500" placeholder:"N"`
	Churn    float64       `help:"Connects and kills a second in that scenario. (default ${default})" default:"500" placeholder:"N"`
	Seed     uint64        `help:"Chooses the order of the scenarios. (default ${default})" default:"1" placeholder:"N"`
	Report   string        `help:"Where the table goes. (default ${default})" default:"soak.txt" placeholder:"FILE"`
	Data     string        `help:"Where each reading goes, as CSV. Default: nowhere." placeholder:"FILE"`
	Progress time.Duration `help:"Time between two lines of progress. (default ${default})" default:"10s" placeholder:"TIME"`
	Hub      string        `help:"The hub's binary. Default: built from this module." placeholder:"FILE"`
	Flags    []string      `name:"hub-flag" help:"A further flag for spokehub serve; may be repeated." placeholder:"FLAG"`
}

func main() {
	swarm.RunIfChild()
	var o options
	kong.Parse(&o, kong.Name("soak"), kong.Description(description), kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 110}))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := run(ctx, o, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	for _, problem := range s.problems {
		fmt.Fprintln(os.Stderr, "soak:", problem)
	}
	if len(s.problems) > 0 {
		os.Exit(1)
	}
}

// soak is one run. The goroutine of run owns it, except findings, which has a lock.
type soak struct {
	options
	binary string
	limit  swarm.FileLimit
	out    io.Writer
	began  time.Time
	took   time.Duration
	findings
}

// findings are what scenarios and rounds have found, under the lock. Once the run is over nobody takes it any more.
type findings struct {
	mu       sync.Mutex
	totals   totals
	problems []string
	points   []point
	// scenario is the one that runs, phases how many have run.
	scenario string
	phases   int
}

// totals add up over all rounds.
type totals struct {
	Rounds, Checked, Deliveries, Dropped, Accepted, Kills, Drained uint64
	Faults                                                         swarm.Faults
}

// run soaks until the duration is over or ctx ends, and writes the report. Problems of the hub are in the result; an error means that the
// soak itself failed.
func run(ctx context.Context, o options, out io.Writer) (*soak, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	limit, err := swarm.RaiseFileLimit()
	if err != nil {
		return nil, err
	}
	s := &soak{options: o, binary: o.Hub, limit: limit, out: out}
	if s.binary == "" {
		directory, err := os.MkdirTemp("", "soak")
		if err != nil {
			return nil, fmt.Errorf("make room for the hub: %w", err)
		}
		defer os.RemoveAll(directory)
		if s.binary, err = server.Build("", directory, "cmd/spokehub"); err != nil {
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
	s.report(out)
	return s, s.writeFiles()
}

func (o options) check() error {
	switch {
	case o.Duration < time.Second || o.Progress <= 0:
		return errors.New("--duration must be a second or more, --progress more than 0")
	case o.Rounds < 1 || o.Spokes < 1 || o.Victims < 1:
		return errors.New("--rounds, --spokes and --victims must be 1 or more")
	case o.Rate <= 0 || o.Churn <= 0:
		return errors.New("--rate and --churn must be more than 0")
	}
	return nil
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
