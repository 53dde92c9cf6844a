//go:build linux

package load

import (
	"errors"
	"fmt"
	"os"
	"time"

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
)

// Stand is one server and one fleet of clients, for one run of one workload.
type Stand struct {
	settings Settings
	server   *Server
	target   Target
	fleet    *swarm.Fleet
	layout   layout
	limit    swarm.FileLimit
	name     string
	profiles int
	progress *progress
	result   Result
}

// Run measures one workload against a fresh process of the target.
func Run(settings Settings, target Target, c Case) (Result, error) {
	name := c.Name() + " " + target.Name()
	stand, err := openStand(settings, target, c.Workload, name)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", name, err)
	}
	err = c.Workload.measure(stand)
	if err != nil {
		err = errors.Join(err, stand.server.Alive())
	}
	if err = errors.Join(err, stand.close()); err != nil {
		return stand.result, fmt.Errorf("%s: %w", name, err)
	}
	return stand.result, nil
}

func openStand(settings Settings, target Target, workload Workload, name string) (*Stand, error) {
	limit, err := swarm.RaiseFileLimit()
	if err != nil {
		return nil, err
	}
	cores, err := swarm.Cores()
	if err != nil {
		return nil, err
	}
	s := &Stand{
		settings: settings, target: target, layout: settings.plan(cores), limit: limit, name: name,
		progress: newProgress(settings.Progress, name),
	}
	if s.server, err = StartServer(target, s.layout.server); err != nil {
		return nil, err
	}
	processes := max(settings.processes(limit, s.fit(workload.connections()), len(s.layout.clients)), workload.processes())
	if s.fleet, err = swarm.StartFleet(processes, s.layout.clients, os.Stderr); err != nil {
		return nil, errors.Join(err, s.server.Stop())
	}
	return s, nil
}

func (s *Stand) close() error {
	return errors.Join(s.fleet.Close(), s.server.Stop())
}

// fit bounds a number of spokes by what the server's file limit allows, and notes it.
func (s *Stand) fit(spokes int) int {
	room := s.limit.Room()
	if spokes <= room {
		return spokes
	}
	note := fmt.Sprintf("the server's file limit of %d allows %d spokes, not %d", s.limit.Hard, room, spokes)
	if len(s.result.Notes) == 0 {
		s.result.Notes = append(s.result.Notes, note)
	}
	return room
}

// connect opens connections in all processes, or those given, and tells how far it is.
func (s *Stand) connect(plan swarm.Plan, processes ...int) (swarm.Opened, error) {
	plan.Address, plan.Path, plan.Dialect = s.server.Address, s.server.Path, s.target.Dialect()
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
	return opened, err
}

// watchConnecting tells how far it is, and kills a server that answers nobody for long, so that the clients see an end.
func (s *Stand) watchConnecting(connected <-chan struct{}) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	last, since := uint64(0), time.Now()
	for {
		select {
		case <-connected:
			return
		case <-ticker.C:
		}
		ready := s.fleet.Board().Ready()
		s.progress.tell("connecting, %d are ready", ready)
		if ready != last {
			last, since = ready, time.Now()
		}
		if time.Since(since) > stuckTimeout {
			s.server.cmd.Process.Kill()
			return
		}
	}
}

// subscribe opens subscribers that wait for the answer to their subscription.
func (s *Stand) subscribe(group, count, firstTopic, topics, size int, processes ...int) error {
	_, err := s.connect(swarm.Plan{
		Group: group, Count: count, FirstTopic: firstTopic, Topics: topics, Size: size, Subscribe: true, Ack: true,
	}, processes...)
	return err
}

// writer opens one connection that publishes, in one process.
func (s *Stand) writer(group, process int) error {
	_, err := s.connect(swarm.Plan{Group: group, Count: 1, First: 1 << 20, Size: swarm.MinPayload}, process)
	return err
}

// wait lets time pass, tells how far the work is, and fails early if the server ends.
func (s *Stand) wait(d time.Duration, what string) error {
	end := time.Now().Add(d)
	for left := d; left > 0; left = time.Until(end) {
		time.Sleep(min(left, pollEvery*4))
		s.progress.tell("%s, %.0f s left", what, time.Until(end).Seconds())
		if err := s.server.Alive(); err != nil {
			return err
		}
	}
	return nil
}

// quiet waits until the server's CPU time stands still.
func (s *Stand) quiet() error {
	last := time.Duration(-1)
	for deadline := time.Now().Add(settleTimeout); time.Now().Before(deadline); {
		used, err := readCPU(s.server.PID())
		if err != nil {
			return err
		}
		if last >= 0 && used.total()-last < 2*time.Millisecond {
			return nil
		}
		last = used.total()
		time.Sleep(4 * pollEvery)
	}
	return nil
}
