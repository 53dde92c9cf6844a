//go:build linux

package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/spokehub/spokehub/bench/storm"
	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	firstVictimTopic = 1 << 24
	longestPhase     = 2 * time.Minute
	shortestPhase    = 600 * time.Millisecond
	heavyEvent       = 4096
	heavyEvents      = 300
	floodTime        = 2 * time.Second
)

// scenario is a kind of trouble. It lasts as long as its context at most.
type scenario struct {
	Name string
	run  func(r *round, ctx context.Context) error
}

var scenarios = []scenario{
	{"churn", (*round).churn},
	{"stalls", (*round).stalls},
	{"deaths", (*round).deaths},
	{"unfinished", (*round).unfinished},
	{"garbage", (*round).garbage},
	{"flood", (*round).flood},
	{"calm", func(*round, context.Context) error { return nil }},
}

// runScenarios goes through all of them in random order, and then again and again until end.
func (r *round) runScenarios(ctx context.Context, end time.Time) {
	chance := rand.New(rand.NewPCG(r.Seed, uint64(r.number)))
	whole := r.Duration / time.Duration(r.Rounds)
	length := min(max(whole/time.Duration(len(scenarios)+1), shortestPhase), longestPhase)
	running, stop := context.WithDeadline(ctx, end)
	defer stop()
	for turn := ctx; turn.Err() == nil; turn = running {
		for _, i := range chance.Perm(len(scenarios)) {
			r.phase(turn, scenarios[i], length)
		}
	}
}

func (r *round) phase(ctx context.Context, s scenario, length time.Duration) {
	if ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	r.mu.Lock()
	r.scenario = s.Name
	r.phases++
	r.mu.Unlock()
	if err := s.run(r, ctx); err != nil && ctx.Err() == nil {
		r.problem("%s: %v", s.Name, err)
	}
	<-ctx.Done()
}

func (r *round) churn(ctx context.Context) error {
	churned := storm.Churn{Rate: r.Churn, Duration: longestPhase, Clients: 64, Topic: "tick", Seed: r.Seed}.Run(ctx, r.hub)
	r.count(func(t *totals) { t.Kills += churned.Connects })
	if churned.Failed > 0 {
		r.problem("churn: %d of %d connects failed: %s", churned.Failed, churned.Connects, churned.Example)
	}
	return nil
}

func (r *round) unfinished(ctx context.Context) error {
	_, err := storm.Unfinished{Count: r.Victims, Pause: 100 * time.Millisecond}.Run(ctx, r.hub)
	return err
}

func (r *round) garbage(ctx context.Context) error {
	for ctx.Err() == nil {
		if _, err := (storm.Garbage{Count: 80, Seed: rand.Uint64()}).Run(ctx, r.hub); err != nil {
			return err
		}
	}
	return nil
}

// stalls stops a client process, publishes more than its queues hold, and lets it go on.
func (r *round) stalls(ctx context.Context) error {
	fleet, topic, err := r.victims(heavyEvent)
	if err != nil {
		return err
	}
	defer fleet.Close()
	if err := fleet.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	err = r.publish(topic, heavyEvents, heavyEvent)
	pause(ctx, longestPhase/4)
	if err := fleet.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	r.wantPrefix(fleet, "spokes that stalled")
	return err
}

// deaths kills a client process in the midst of a fan-out.
func (r *round) deaths(context.Context) error {
	fleet, topic, err := r.victims(eventBytes)
	if err != nil {
		return err
	}
	r.count(func(t *totals) { t.Kills += uint64(r.Victims) })
	return errors.Join(r.publish(topic, heavyEvents, eventBytes), fleet.Kill())
}

// flood publishes to the victims as fast as the hub reads.
func (r *round) flood(ctx context.Context) error {
	fleet, topic, err := r.victims(eventBytes)
	if err != nil {
		return err
	}
	defer fleet.Close()
	writer := swarm.Plan{Server: r.address(), Group: groupWriters, Count: 1, First: 1 << 20, Size: eventBytes}
	if _, err := fleet.Connect(writer, fleet.All()); err != nil {
		return err
	}
	err = fleet.Publish(swarm.Publication{
		Kind: swarm.PublishFlood, Group: 0, Writers: groupWriters, FirstTopic: topic, Topics: 1, Size: eventBytes, Batch: 16,
	}, fleet.All())
	if err != nil {
		return err
	}
	pause(ctx, floodTime)
	if _, err := fleet.Pause(); err != nil {
		return err
	}
	r.wantPrefix(fleet, "flooded spokes")
	return nil
}

// victims are subscribers of a topic of their own.
func (r *round) victims(size int) (fleet *swarm.Fleet, topic int, err error) {
	if fleet, err = swarm.StartFleet(1, nil, os.Stderr); err != nil {
		return nil, 0, err
	}
	r.mu.Lock()
	topic = firstVictimTopic + r.phases
	r.mu.Unlock()
	_, err = fleet.Connect(swarm.Plan{
		Server: r.address(), Count: r.Victims, First: 1 << 16, FirstTopic: topic, Topics: 1, Size: size, Subscription: swarm.Subscription{Subscribe: true, Ack: true},
	}, fleet.All())
	if err != nil {
		fleet.Close()
	}
	return fleet, topic, err
}

func (r *round) publish(topic, events, size int) error {
	var lines []byte
	for seq := range events {
		lines = append(swarm.AppendEvent(lines, uint32(topic), uint32(seq), size), '\n')
	}
	return r.hub.Publish(lines)
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	wait, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-wait.Done()
}

// wantPrefix wants that the victims received the beginning of what was sent, whole and in order.
func (r *round) wantPrefix(fleet *swarm.Fleet, who string) {
	reports, err := fleet.Report(nil)
	if err != nil {
		r.problem("%s: %v", who, err)
		return
	}
	faults := reports[0].Faults
	r.count(func(t *totals) { t.Checked += reports[0].Delivered })
	faults.Closed = 0
	if faults.Sum() > 0 {
		r.problem("%s: %+v", who, faults)
	}
}
