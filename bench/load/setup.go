//go:build linux

package load

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

// The groups of connections that workloads use.
const (
	groupMain    = 0
	groupSmall   = 1
	groupWriters = 2
	groupOthers  = 3
)

const (
	stallTimeout  = 3 * time.Second
	stuckTimeout  = 20 * time.Second
	settleTimeout = 8 * time.Second
	pollEvery     = 50 * time.Millisecond
	progressEvery = 2 * time.Second
)

// setup is one server and one fleet of clients, for one run of one workload.
type setup struct {
	settings Settings
	target   *Target
	server   *server.Server
	fleet    *swarm.Fleet
	layout   layout
	// name is that of the workload and the target, profiles how many of the run have been recorded.
	name     string
	profiles int
	progress progress
	result   Result
}

// Run measures one workload against a fresh process of the target, which the workload must suit.
func Run(settings Settings, target *Target, w Workload) (Result, error) {
	s := &setup{settings: settings, target: target, name: w.Name() + " " + target.Name}
	s.progress = progress{out: settings.Progress, what: s.name, next: time.Now().Add(progressEvery)}
	err := s.run(w)
	if err != nil && s.server != nil {
		err = errors.Join(err, s.server.Alive())
	}
	if s.fleet != nil {
		err = errors.Join(err, s.fleet.Close())
	}
	if s.server != nil {
		err = errors.Join(err, s.server.Stop())
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", s.name, err)
	}
	return s.result, err
}

// failure is the error that ends a workload: check panics with it and run recovers it, so that a workload reads as the list of its steps.
type failure struct{ error }

func check(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// must is check for a call with a result.
func must[T any](result T, err error) T {
	check(err)
	return result
}

func (s *setup) run(w Workload) (err error) {
	defer func() {
		switch failed := recover().(type) {
		case nil:
		case failure:
			err = failed.error
		default:
			panic(failed)
		}
	}()
	limit := must(swarm.RaiseFileLimit())
	s.layout = s.settings.plan(must(swarm.Cores()))
	s.server = must(server.Start(s.layout.server, s.target.Commands[w.mode]))
	s.server.Certificate = s.target.Certificate
	processes := limit.Processes(w.connections, or(s.settings.Clients, len(s.layout.clients)))
	s.fleet = must(swarm.StartFleet(max(processes, w.processes), s.layout.clients, os.Stderr))
	w.measure(s)
	return nil
}

// connect opens connections in all processes, or those given, and reports progress.
func (s *setup) connect(plan swarm.Plan, processes ...int) swarm.Opened {
	plan.Server = s.place()
	if len(processes) == 0 {
		processes = s.fleet.All()
	}
	connected, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		s.watchConnecting(connected)
	}()
	opened, err := s.fleet.Connect(plan, processes)
	close(connected)
	<-watched
	check(err)
	return opened
}

// place is the server as its clients know it.
func (s *setup) place() swarm.Server {
	return swarm.Server{Address: s.server.Address, Path: s.server.Path, Dialect: s.target.Dialect, Secret: s.target.Secret, Certificate: s.target.Certificate}
}

// watchConnecting reports progress, and kills a server that lets nobody in for long, so that the clients see an end.
func (s *setup) watchConnecting(connected <-chan struct{}) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	last, since := uint64(0), time.Now()
	for {
		select {
		case <-connected:
			return
		case <-ticker.C:
		}
		ready := s.fleet.Counters().Ready()
		s.progress.report("connecting, %d are ready", ready)
		if ready != last {
			last, since = ready, time.Now()
		}
		if time.Since(since) > stuckTimeout {
			s.server.Kill()
			return
		}
	}
}

// subscribe opens subscribers that wait for the answer to their subscription.
func (s *setup) subscribe(plan swarm.Plan, processes ...int) {
	plan.Subscribe, plan.Ack = true, true
	s.connect(plan, processes...)
}

// writer opens one connection that publishes, in one process.
func (s *setup) writer(group, process int) {
	s.connect(swarm.Plan{Group: group, Count: 1, First: 1 << 20, Size: swarm.MinPayload}, process)
}

// publish starts a publisher of a group's topics in one process.
func (s *setup) publish(p swarm.Publication, process int) {
	check(s.fleet.Publish(p, []int{process}))
}

// warmUp lets the load run for a while before it is measured.
func (s *setup) warmUp() { s.wait(s.settings.warmup(), "warming up") }

// wait lets time pass, reports progress, and fails early if the server ends.
func (s *setup) wait(d time.Duration, what string) {
	end := time.Now().Add(d)
	for left := d; left > 0; left = time.Until(end) {
		time.Sleep(min(left, pollEvery*4))
		s.progress.report("%s, %.0f s left", what, time.Until(end).Seconds())
		check(s.server.Alive())
	}
}

// awaitIdle waits until the server's CPU time stands still.
func (s *setup) awaitIdle() {
	last := time.Duration(-1)
	for deadline := time.Now().Add(settleTimeout); time.Now().Before(deadline); {
		used := must(server.ReadCPU(s.server.PID())).Whole
		if last >= 0 && used-last < 2*time.Millisecond {
			return
		}
		last = used
		time.Sleep(4 * pollEvery)
	}
}

// progress writes a line every two seconds while something goes on.
type progress struct {
	out  io.Writer
	what string
	next time.Time
}

// report writes a line, if it is time for one.
func (p *progress) report(format string, arguments ...any) {
	if p.out == nil || time.Now().Before(p.next) {
		return
	}
	p.next = time.Now().Add(progressEvery)
	fmt.Fprintf(p.out, "%s: %s\n", p.what, fmt.Sprintf(format, arguments...))
}
