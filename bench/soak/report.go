//go:build linux

package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spokehub/spokehub/bench/server"
)

const (
	pointsWanted  = 600
	shortestPause = 200 * time.Millisecond
)

// figures name what a point holds.
var figures = []string{
	"resident MB", "heap MB", "descriptors", "connections", "goroutines", "p99 ms", "delivered/s", "dropped/s", "queued MB", "CPU %",
}

// point is what was read at one moment, in the order of figures.
type point struct {
	at       time.Duration
	round    int
	scenario string
	values   []float64
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
		if err := r.addPoint(before, now); err != nil {
			return err
		}
		before = now
		if time.Since(reported) >= r.Progress {
			reported = time.Now()
			r.reportProgress()
		}
	}
}

func (r *round) addPoint(before, now server.Sample) error {
	reports, err := r.fleet.Report(nil)
	if err != nil {
		return err
	}
	seconds := now.At.Sub(before.At).Seconds()
	perSecond := func(name string) float64 { return (now.Metrics[name] - before.Metrics[name]) / seconds }
	r.mu.Lock()
	defer r.mu.Unlock()
	r.points = append(r.points, point{r.elapsed(), r.number, r.scenario, []float64{
		float64(now.Memory.RSS) / 1e6, float64(now.Heap) / 1e6, float64(now.Descriptors), now.Metrics[server.Connections],
		float64(now.Goroutines), reports[groupCommon].Latency.Quantile(0.99).Seconds() * 1e3, perSecond(server.Delivered),
		perSecond(server.Dropped), now.Metrics[server.QueuedBytes] / 1e6, 100 * (now.CPU - before.CPU).Seconds() / seconds,
	}})
	return r.fleet.Mark()
}

func (r *round) reportProgress() {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.points[len(r.points)-1]
	fmt.Fprintf(r.out, "%v of %v, round %d/%d, %s:", last.at.Round(time.Second), r.Duration, r.number+1, r.Rounds, last.scenario)
	for i, name := range figures {
		fmt.Fprintf(r.out, " %.4g %s,", last.values[i], name)
	}
	fmt.Fprintf(r.out, " %d problems\n", len(r.problems))
}

// report writes the outcome, and of each figure the minimum, the median and the maximum during each scenario.
func (s *soak) report(out io.Writer) {
	fmt.Fprintf(out, "Soak of %v from %s: %d problems\n", s.took.Round(time.Second), s.began.Format("2006-01-02 15:04 MST"), len(s.problems))
	for _, problem := range s.problems {
		fmt.Fprintln(out, "-", problem)
	}
	fmt.Fprintf(out, "%+v\n\nmin/median/max", s.totals)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer table.Flush()
	for _, c := range scenarios {
		fmt.Fprint(table, "\t", c.Name)
	}
	for i, name := range figures {
		fmt.Fprint(table, "\n", name)
		for _, c := range scenarios {
			fmt.Fprint(table, "\t", s.spread(c.Name, i))
		}
	}
	fmt.Fprintln(table)
}

func (s *soak) spread(scenario string, figure int) string {
	var values []float64
	for _, p := range s.points {
		if p.scenario == scenario {
			values = append(values, p.values[figure])
		}
	}
	if len(values) == 0 {
		return "-"
	}
	slices.Sort(values)
	return fmt.Sprintf("%.3g/%.3g/%.3g", values[0], values[len(values)/2], values[len(values)-1])
}

// writeFiles writes the report and, if asked for, all points.
func (s *soak) writeFiles() error {
	file, err := os.Create(s.Report)
	if err != nil {
		return err
	}
	defer file.Close()
	s.report(file)
	if s.Data == "" {
		return file.Close()
	}
	data, err := os.Create(s.Data)
	if err != nil {
		return err
	}
	defer data.Close()
	lines := csv.NewWriter(data)
	lines.Write(append([]string{"seconds", "round", "scenario"}, figures...))
	for _, p := range s.points {
		line := []string{fmt.Sprintf("%.1f", p.at.Seconds()), strconv.Itoa(p.round + 1), p.scenario}
		for _, value := range p.values {
			line = append(line, fmt.Sprintf("%.6g", value))
		}
		lines.Write(line)
	}
	lines.Flush()
	return lines.Error()
}
