//go:build linux

package main

import (
	"context"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/bench/storm"
	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	firstVictimTopic = 1 << 24
	longSpell        = 2 * time.Minute
	shortSpell       = 600 * time.Millisecond
	heavyEvent       = 4096
	heavyEvents      = 300
	floodTime        = 2 * time.Second
)

// spell is a time with one kind of weather.
type spell struct {
	kind     string
	from, to time.Duration
}

// A kind of weather lasts as long as ctx at most.
type kind struct {
	name string
	blow func(l *lap, ctx context.Context) error
}

var kinds = []kind{
	{"churn", (*lap).churn},
	{"stalls", (*lap).stalls},
	{"deaths", (*lap).deaths},
	{"unfinished", (*lap).unfinished},
	{"nonsense", (*lap).nonsense},
	{"flood", (*lap).flood},
	{"calm", func(*lap, context.Context) error { return nil }},
}

// changeWeather goes through all kinds in an order of chance, again and again, until ctx ends.
func (l *lap) changeWeather(ctx context.Context) {
	chance := rand.New(rand.NewPCG(l.Seed, uint64(l.number)))
	whole := l.Duration / time.Duration(l.Laps)
	length := min(max(whole/time.Duration(len(kinds)+1), shortSpell), longSpell)
	for ctx.Err() == nil {
		for _, i := range chance.Perm(len(kinds)) {
			l.spell(ctx, kinds[i], length)
		}
	}
}

func (l *lap) spell(ctx context.Context, k kind, length time.Duration) {
	if ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	l.turnTo(k.name)
	from := l.elapsed()
	if err := k.blow(l, ctx); err != nil && ctx.Err() == nil {
		l.complain("%s: %v", k.name, err)
	}
	<-ctx.Done()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spells = append(l.spells, spell{k.name, from, l.elapsed()})
}

func (l *lap) turnTo(weather string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.weather = weather
}

func (l *lap) churn(ctx context.Context) error {
	churned := storm.Churn{Rate: l.Churn, Duration: longSpell, Hands: 64, Topic: "tick", Seed: l.Seed}.Run(ctx, l.hub)
	l.totals.Kills += churned.Connects
	if churned.Failed > 0 {
		l.complain("churn: %d of %d connects failed: %s", churned.Failed, churned.Connects, churned.Example)
	}
	return nil
}

func (l *lap) unfinished(ctx context.Context) error {
	_, err := storm.Unfinished{Count: l.Victims, Pause: 100 * time.Millisecond}.Run(ctx, l.hub)
	return err
}

func (l *lap) nonsense(ctx context.Context) error {
	for ctx.Err() == nil {
		if _, err := (storm.Garbage{Count: 80, Seed: rand.Uint64()}).Run(ctx, l.hub); err != nil {
			return err
		}
	}
	return nil
}

// victims are subscribers of a topic of their own.
func (l *lap) victims(size int) (*swarm.Fleet, int, error) {
	fleet, err := swarm.StartFleet(1, nil, os.Stderr)
	if err != nil {
		return nil, 0, err
	}
	l.topic++
	_, err = fleet.Connect(swarm.Plan{
		Address: l.hub.Address, Path: l.hub.Path, Count: l.Victims, First: 1 << 16, FirstTopic: l.topic, Topics: 1, Size: size,
		Subscribe: true, Ack: true,
	}, fleet.All())
	if err != nil {
		fleet.Close()
	}
	return fleet, l.topic, err
}

func (l *lap) publish(topic, events, size int) error {
	var lines []byte
	for seq := range events {
		var now unix.Timespec
		unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
		lines = append(swarm.AppendEvent(lines, uint32(topic), uint32(seq), now.Nano(), size), '\n')
	}
	return l.hub.Publish(lines)
}

// stalls stops a client process, publishes more than its queues hold, and lets it go on.
func (l *lap) stalls(ctx context.Context) error {
	fleet, topic, err := l.victims(heavyEvent)
	if err != nil {
		return err
	}
	defer fleet.Close()
	if err := fleet.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	err = l.publish(topic, heavyEvents, heavyEvent)
	wait, cancel := context.WithTimeout(ctx, longSpell/4)
	<-wait.Done()
	cancel()
	if err := fleet.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	l.wantPrefix(fleet, "spokes that stalled")
	return err
}

// wantPrefix wants that the victims saw nothing wrong but, maybe, an early end.
func (l *lap) wantPrefix(fleet *swarm.Fleet, who string) {
	reports, err := fleet.Report(nil)
	if err != nil {
		l.complain("%s: %v", who, err)
		return
	}
	faults := reports[0].Faults
	l.mu.Lock()
	l.totals.Checked += reports[0].Delivered
	l.mu.Unlock()
	faults.Closed = 0
	if faults.Sum() > 0 {
		l.complain("%s: %+v", who, faults)
	}
}

// deaths kills a client process in the midst of a fan-out.
func (l *lap) deaths(ctx context.Context) error {
	fleet, topic, err := l.victims(eventBytes)
	if err != nil {
		return err
	}
	err = l.publish(topic, heavyEvents, eventBytes)
	l.totals.Kills += uint64(l.Victims)
	if err := fleet.Kill(); err != nil {
		return err
	}
	return err
}

// flood publishes to the victims as fast as the hub reads.
func (l *lap) flood(ctx context.Context) error {
	fleet, topic, err := l.victims(eventBytes)
	if err != nil {
		return err
	}
	defer fleet.Close()
	writer := swarm.Plan{Address: l.hub.Address, Path: l.hub.Path, Group: groupWriters, Count: 1, First: 1 << 20, Size: eventBytes}
	if _, err := fleet.Connect(writer, fleet.All()); err != nil {
		return err
	}
	err = fleet.Publish(swarm.Publication{
		Kind: swarm.PublishFlood, Group: 0, Writers: groupWriters, FirstTopic: topic, Topics: 1, Size: eventBytes, Batch: 16,
	}, fleet.All())
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, floodTime)
	defer cancel()
	<-wait.Done()
	if _, err := fleet.Pause(); err != nil {
		return err
	}
	l.wantPrefix(fleet, "flooded spokes")
	return nil
}
