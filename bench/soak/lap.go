//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/spokehub/spokehub/bench/storm"
	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	groupCommon  = 0
	groupFew     = 1
	groupWriters = 2

	eventBytes = 200
	aFew       = 10
	patience   = time.Minute
	restart    = 1012
)

// lap is the life of one hub process.
type lap struct {
	*soak
	number int
	hub    *storm.Hub
	fleet  *swarm.Fleet
	few    int
}

// lap runs until end, and settles the books.
func (s *soak) lap(ctx context.Context, number int, end time.Time) (err error) {
	s.starts = append(s.starts, s.elapsed())
	l := &lap{soak: s, number: number, few: max(s.Spokes/aFew, 1)}
	flags := append([]string{
		"--listen=" + s.Listen, "--queue-limit=256KiB", "--first-byte-timeout=1s", "--handshake-timeout=2s", "--close-timeout=2s",
		"--drain-period=1s", "--drain-timeout=1m",
	}, s.Flags...)
	if l.hub, err = storm.Start(s.binary, flags...); err != nil {
		return err
	}
	defer l.hub.Kill()
	limit, err := swarm.RaiseFileLimit()
	if err != nil {
		return err
	}
	if l.fleet, err = swarm.StartFleet(limit.Processes(s.Spokes+l.few, 1), nil, os.Stderr); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.fleet.Close()) }()
	if err := l.connect(); err != nil {
		return err
	}
	raining, stop := context.WithDeadline(ctx, end)
	defer stop()
	over := make(chan struct{})
	go func() {
		defer close(over)
		l.changeWeather(raining)
	}()
	err = l.watch(raining)
	stop()
	<-over
	if err != nil {
		return err
	}
	return l.settle()
}

// connect opens the subscribers that are checked, and starts publishing.
func (l *lap) connect() error {
	for _, plan := range []swarm.Plan{
		{Group: groupCommon, Count: l.Spokes, Topics: 1, Subscribe: true, Ack: true},
		{Group: groupFew, Count: l.few, First: l.Spokes, FirstTopic: 1, Topics: max(l.few/aFew, 1), Subscribe: true, Ack: true},
		{Group: groupWriters, Count: 1, First: 1 << 20},
	} {
		plan.Address, plan.Path, plan.Size = l.hub.Address, l.hub.Path, eventBytes
		processes := l.fleet.All()
		if plan.Group == groupWriters {
			processes = processes[:1]
		}
		if _, err := l.fleet.Connect(plan, processes); err != nil {
			return err
		}
	}
	for group, topics := range []int{1, max(l.few/aFew, 1)} {
		err := l.fleet.Publish(swarm.Publication{
			Kind: swarm.PublishRate, Group: group, Writers: groupWriters, FirstTopic: group, Topics: topics, Size: eventBytes, Rate: l.Rate,
		}, []int{0})
		if err != nil {
			return err
		}
	}
	return nil
}

// settle wants every event at every subscriber, nothing left of the weather, a ledger that adds up, and a drain that tells all.
func (l *lap) settle() error {
	sent, err := l.fleet.Pause()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	steady := float64(l.Spokes + l.few + 1)
	last, err := l.hub.Await(ctx, func(s storm.Sample) bool {
		m := s.Metrics
		return m[storm.Connections] == steady && m[storm.Queued] == 0 && m[storm.Subscriptions] == steady-1 && l.arrived(sent)
	})
	if err != nil {
		l.complain("lap %d doesn't come to rest: %v, at %v", l.number+1, err, last)
	}
	if err := last.Metrics.Ledger(); err != nil {
		l.complain("lap %d: %v", l.number+1, err)
	}
	if panics := last.Metrics[storm.Panics]; panics > 0 {
		l.complain("lap %d: %.0f panics in the hub", l.number+1, panics)
	}
	l.totals.Deliveries += uint64(last.Metrics[storm.Deliveries])
	l.totals.Dropped += uint64(last.Metrics[storm.Dropped])
	l.totals.Accepted += uint64(last.Metrics[storm.Accepted])
	return errors.Join(l.judge(sent), l.drain())
}

// arrived says whether the subscribers have what was sent to them.
func (l *lap) arrived(sent []uint64) bool {
	board := l.fleet.Board()
	few := sent[groupFew] * uint64(l.few) / uint64(max(l.few/aFew, 1))
	return board.Delivered(groupCommon) >= sent[groupCommon]*uint64(l.Spokes) && board.Delivered(groupFew)+uint64(l.few) >= few
}

func (l *lap) judge(sent []uint64) error {
	reports, err := l.fleet.Report(sent)
	if err != nil {
		return err
	}
	for group, r := range reports[:groupWriters] {
		l.totals.Checked += r.Delivered
		l.totals.Faults.Add(r.Faults)
		if r.Faults.Sum() > 0 {
			l.complain("lap %d, subscribers of group %d: %+v (%s)", l.number+1, group, r.Faults, r.Example)
		}
	}
	return nil
}

// drain ends the hub by SIGTERM: every spoke must hear of it.
func (l *lap) drain() error {
	if err := l.hub.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	code, err := l.hub.Wait(ctx)
	if err != nil {
		return err
	}
	if code != 0 {
		l.complain("lap %d: the hub ended with code %d: %q", l.number+1, code, l.hub.Said())
	}
	told, steady := 0, l.Spokes+l.few+1
	for told < steady && ctx.Err() == nil {
		reports, err := l.fleet.Report(nil)
		if err != nil {
			return err
		}
		told = reports[groupCommon].Closes[restart] + reports[groupFew].Closes[restart] + reports[groupWriters].Closes[restart]
		ended := 0
		for _, r := range reports {
			for _, n := range r.Closes {
				ended += n
			}
		}
		if ended >= steady {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	l.totals.Drained += told
	if told != steady {
		return fmt.Errorf("only %d of %d spokes were told 1012 by the drain", told, steady)
	}
	return nil
}
