//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	groupCommon  = 0
	groupSmall   = 1
	groupWriters = 2

	eventBytes   = 200
	smallTopic   = 10
	patience     = time.Minute
	closeRestart = 1012
)

// round is the life of one hub process.
type round struct {
	*soak
	number int
	hub    *server.Server
	fleet  *swarm.Fleet
	// small subscribers share topics, ten each.
	small, topics int
}

// round runs until end, longer if not every scenario has had its turn by then, and checks the outcome.
func (s *soak) round(ctx context.Context, number int, end time.Time) (err error) {
	s.count(func(t *totals) { t.Rounds++ })
	r := &round{soak: s, number: number, small: max(s.Spokes/smallTopic, 1)}
	r.topics = max(r.small/smallTopic, 1)
	flags := append([]string{
		"--listen=" + s.Listen, "--queue-limit=256KiB", "--first-byte-timeout=5s", "--handshake-timeout=8s", "--close-timeout=2s",
		"--drain-period=1s", "--drain-timeout=1m",
	}, s.Flags...)
	if r.hub, err = server.StartHub(s.binary, flags...); err != nil {
		return err
	}
	defer r.hub.Kill()
	if r.fleet, err = swarm.StartFleet(r.limit.Processes(s.Spokes+r.small, 1), nil, os.Stderr); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.fleet.Close()) }()
	if err := r.connect(); err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer stop()
		r.runScenarios(running, end)
	}()
	err = r.takeSamples(running)
	stop()
	<-over
	if err != nil {
		return err
	}
	return r.finish()
}

// connect opens the subscribers that are checked, and starts publishing.
func (r *round) connect() error {
	for _, plan := range []swarm.Plan{
		{Group: groupCommon, Count: r.Spokes, Topics: 1, Subscription: swarm.Subscription{Subscribe: true, Ack: true}},
		{Group: groupSmall, Count: r.small, First: r.Spokes, FirstTopic: 1, Topics: r.topics, Subscription: swarm.Subscription{Subscribe: true, Ack: true}},
		{Group: groupWriters, Count: 1, First: 1 << 20},
	} {
		plan.Server, plan.Size = r.address(), eventBytes
		processes := r.fleet.All()
		if plan.Group == groupWriters {
			processes = processes[:1]
		}
		if _, err := r.fleet.Connect(plan, processes); err != nil {
			return err
		}
	}
	for group, topics := range []int{1, r.topics} {
		err := r.fleet.Publish(swarm.Publication{
			Kind: swarm.PublishRate, Group: group, Writers: groupWriters, FirstTopic: group, Topics: topics, Size: eventBytes, Rate: r.Rate,
		}, []int{0})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *round) address() swarm.Server { return swarm.Server{Address: r.hub.Address, Path: r.hub.Path} }

// finish wants every event at every subscriber, nothing left of the scenarios, a ledger that adds up, and a drain that reaches everybody.
func (r *round) finish() error {
	sent, err := r.fleet.Pause()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	steady := float64(r.Spokes + r.small + 1)
	last, err := r.hub.Await(ctx, func(s server.Sample) bool {
		m := s.Metrics
		return m[server.Connections] == steady && m[server.Queued] == 0 && m[server.Subscriptions] == steady-1 && r.arrived(sent)
	})
	if err != nil {
		r.problem("round %d doesn't come to rest: %v, at %v", r.number+1, err, last)
	}
	if err := last.Metrics.Ledger(0); err != nil {
		r.problem("round %d: %v", r.number+1, err)
	}
	if panics := last.Metrics[server.Panics]; panics > 0 {
		r.problem("round %d: %.0f panics in the hub", r.number+1, panics)
	}
	r.count(func(t *totals) {
		t.Deliveries += uint64(last.Metrics[server.Deliveries])
		t.Dropped += uint64(last.Metrics[server.Dropped])
		t.Accepted += uint64(last.Metrics[server.Accepted])
	})
	return errors.Join(r.judge(sent), r.drain())
}

// arrived reports whether the subscribers have received what was sent to them.
func (r *round) arrived(sent []uint64) bool {
	counters := r.fleet.Counters()
	small := sent[groupSmall] * uint64(r.small) / uint64(r.topics)
	return counters.Delivered(groupCommon) >= sent[groupCommon]*uint64(r.Spokes) && counters.Delivered(groupSmall)+uint64(r.small) >= small
}

func (r *round) judge(sent []uint64) error {
	reports, err := r.fleet.Report(sent)
	if err != nil {
		return err
	}
	for group, report := range reports[:groupWriters] {
		r.count(func(t *totals) {
			t.Checked += report.Delivered
			t.Faults.Add(report.Faults)
		})
		if report.Faults.Sum() > 0 {
			r.problem("round %d, subscribers of group %d: %+v (%s)", r.number+1, group, report.Faults, report.Example)
		}
	}
	return nil
}

// drain ends the hub by SIGTERM: it must close every spoke with 1012.
func (r *round) drain() error {
	if err := r.hub.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	code, err := r.hub.Wait(ctx)
	if err != nil {
		return err
	}
	if code != 0 {
		r.problem("round %d: the hub ended with code %d: %q", r.number+1, code, r.hub.LastLines())
	}
	drained, ended, steady := 0, 0, r.Spokes+r.small+1
	for ended < steady && ctx.Err() == nil {
		reports, err := r.fleet.Report(nil)
		if err != nil {
			return err
		}
		closes := swarm.Total(reports).Closes
		drained, ended = closes[closeRestart], 0
		for _, n := range closes {
			ended += n
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.count(func(t *totals) { t.Drained += uint64(drained) })
	if drained != steady {
		return fmt.Errorf("the drain closed only %d of %d spokes with 1012", drained, steady)
	}
	return nil
}
