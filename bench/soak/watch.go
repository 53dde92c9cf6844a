//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spokehub/spokehub/bench/storm"
)

const (
	pointsWanted = 600
	leastPause   = 200 * time.Millisecond
)

// point is one reading.
type point struct {
	at          time.Duration
	lap         int
	rss, heap   float64
	descriptors float64
	goroutines  float64
	connections float64
	queued      float64
	p99         float64
	cpu         float64
	delivered   float64
	dropped     float64
}

// watch takes a reading every now and then until ctx ends, and tells how it goes.
func (l *lap) watch(ctx context.Context) error {
	ticker := time.NewTicker(max(l.Duration/pointsWanted, leastPause))
	defer ticker.Stop()
	before, err := l.hub.Sample()
	if err != nil {
		return err
	}
	told := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.hub.Done():
			return fmt.Errorf("the hub ended by itself: %q", l.hub.Said())
		case <-ticker.C:
		}
		now, err := l.hub.Sample()
		if err != nil {
			return err
		}
		p, err := l.point(before, now)
		if err != nil {
			return err
		}
		l.points = append(l.points, p)
		before = now
		if time.Since(told) >= l.Progress {
			told = time.Now()
			l.tell(p)
		}
	}
}

func (l *lap) point(before, now storm.Sample) (point, error) {
	reports, err := l.fleet.Report(nil)
	if err != nil {
		return point{}, err
	}
	if err := l.fleet.Mark(); err != nil {
		return point{}, err
	}
	seconds := now.At.Sub(before.At).Seconds()
	since := func(name string) float64 { return (now.Metrics[name] - before.Metrics[name]) / seconds }
	return point{
		at: l.elapsed(), lap: l.number, rss: float64(now.RSS) / 1e6, heap: float64(now.Heap) / 1e6,
		descriptors: float64(now.Descriptors), goroutines: float64(now.Goroutines),
		connections: now.Metrics[storm.Connections], queued: now.Metrics[storm.QueuedBytes] / 1e6,
		p99: reports[groupCommon].Latency.Quantile(0.99).Seconds() * 1e3, cpu: 100 * (now.CPU - before.CPU).Seconds() / seconds,
		delivered: since(storm.Delivered), dropped: since(storm.Dropped),
	}, nil
}

func (l *lap) tell(p point) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.out, "%8s of %v  lap %d/%d  %-10s  %6.0f connections  %5.1f MB resident  %5.0f descriptors  %3.0f goroutines  p99 %6.1f ms  %8.0f deliveries/s  %d wrong\n",
		l.elapsed().Round(time.Second), l.Duration, l.number+1, l.Laps, l.weather, p.connections, p.rss, p.descriptors, p.goroutines,
		p.p99, p.delivered, len(l.wrong))
}
