//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spokehub/spokehub/bench/server"
)

const (
	pointsWanted  = 600
	shortestPause = 200 * time.Millisecond
)

// point is what the charts show of one moment.
type point struct {
	at    time.Duration
	round int
	// rss, heap and queued are in MB, p99 is in milliseconds, cpu in percent of a core, delivered and dropped are rates.
	rss, heap, queued       float64
	descriptors, goroutines float64
	connections             float64
	p99, cpu                float64
	delivered, dropped      float64
}

// takeSamples adds points until ctx ends, and reports progress.
func (r *round) takeSamples(ctx context.Context) error {
	ticker := time.NewTicker(max(r.Duration/pointsWanted, shortestPause))
	defer ticker.Stop()
	before, err := r.hub.Sample()
	if err != nil {
		return err
	}
	reported := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.hub.Done():
			return r.hub.Alive()
		case <-ticker.C:
		}
		now, err := r.hub.Sample()
		if err != nil {
			return err
		}
		p, err := r.point(before, now)
		if err != nil {
			return err
		}
		r.points = append(r.points, p)
		before = now
		if time.Since(reported) >= r.Progress {
			reported = time.Now()
			r.reportProgress(p)
		}
	}
}

func (r *round) point(before, now server.Sample) (point, error) {
	reports, err := r.fleet.Report(nil)
	if err != nil {
		return point{}, err
	}
	if err := r.fleet.Mark(); err != nil {
		return point{}, err
	}
	seconds := now.At.Sub(before.At).Seconds()
	perSecond := func(name string) float64 { return (now.Metrics[name] - before.Metrics[name]) / seconds }
	return point{
		at: r.elapsed(), round: r.number, rss: float64(now.Memory.RSS) / 1e6, heap: float64(now.Heap) / 1e6,
		descriptors: float64(now.Descriptors), goroutines: float64(now.Goroutines),
		connections: now.Metrics[server.Connections], queued: now.Metrics[server.QueuedBytes] / 1e6,
		p99: reports[groupCommon].Latency.Quantile(0.99).Seconds() * 1e3, cpu: 100 * (now.CPU - before.CPU).Seconds() / seconds,
		delivered: perSecond(server.Delivered), dropped: perSecond(server.Dropped),
	}, nil
}

func (r *round) reportProgress(p point) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.out, "%8s of %v  round %d/%d  %-10s  %6.0f connections  %5.1f MB resident  %5.0f descriptors  %3.0f goroutines  p99 %6.1f ms  %8.0f deliveries/s  %d problems\n",
		r.elapsed().Round(time.Second), r.Duration, r.number+1, r.Rounds, r.scenario, p.connections, p.rss, p.descriptors, p.goroutines,
		p.p99, p.delivered, len(r.problems))
}
