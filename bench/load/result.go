//go:build linux

package load

import (
	"errors"
	"fmt"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

// Metric is one figure of a Result.
type Metric struct {
	// Name ends with its unit behind a dash or slash, as benchstat likes it.
	Name string
	// Value is in that unit.
	Value float64
}

// Result is what one run of a workload measured.
type Result struct {
	// Metrics are in the order in which they are shown.
	Metrics []Metric
	// Notes are what a reader must know to judge the figures.
	Notes []string
	// Failed means that the figures are void: a healthy subscriber missed events, got them twice or out of order, or the server's own
	// count is wrong.
	Failed bool
}

// Add appends a metric, or replaces it where it is there already.
func (r *Result) Add(name string, value float64) {
	for i := range r.Metrics {
		if r.Metrics[i].Name == name {
			r.Metrics[i].Value = value
			return
		}
	}
	r.Metrics = append(r.Metrics, Metric{Name: name, Value: value})
}

// Note appends a note.
func (r *Result) Note(format string, arguments ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, arguments...))
}

// void notes why the figures don't count.
func (r *Result) void(format string, arguments ...any) {
	r.Failed = true
	r.Note("void: "+format, arguments...)
}

// Value finds a metric.
func (r *Result) Value(name string) (value float64, found bool) {
	for _, m := range r.Metrics {
		if m.Name == name {
			return m.Value, true
		}
	}
	return 0, false
}

// The names of the metrics.
const (
	MetricDeliveries      = "deliveries/s"
	MetricEvents          = "events/s"
	MetricMessages        = "messages/s"
	MetricCPU             = "cpu-us/op"
	MetricUser            = "user-us/op"
	MetricSystem          = "sys-us/op"
	MetricP50             = "p50-ms"
	MetricP99             = "p99-ms"
	MetricP999            = "p99.9-ms"
	MetricMax             = "max-ms"
	MetricServerCPU       = "server-cpu-%"
	MetricGenerator       = "gen-cpu-%"
	MetricGC              = "gc-cpu-%"
	MetricMemory          = "B/spoke"
	MetricPSS             = "pss-B/spoke"
	MetricHeap            = "heap-B/spoke"
	MetricStacks          = "stack-B/spoke"
	MetricSlope           = "slope-B/spoke"
	MetricKernel          = "kernel-B/spoke"
	MetricConnects        = "connects/s"
	MetricConnectCPU      = "connect-us/op"
	MetricConnectUser     = "connect-user-us/op"
	MetricConnectSys      = "connect-sys-us/op"
	MetricFaults          = "faults"
	MetricStallRatio      = "p99-ratio"
	MetricCalmP99         = "calm-p99-ms"
	MetricClosed1013      = "closed-1013"
	MetricPeakMemory      = "peak-MB"
	MetricControls        = "controls/s"
	MetricGrowthFewCPU    = "few-cpu-us/op"
	MetricGrowthFewMemory = "few-B/spoke"
	MetricGrowthCPU       = "growth-cpu-ratio"
	MetricGrowthMemory    = "growth-B-ratio"
	// PrefixAck and PrefixSmall stand before the latencies of answers to control events and of small topics beside a giant one.
	PrefixAck   = "ack-"
	PrefixSmall = "small-"
)

// finish ends the publishers, waits until what they sent has arrived, and judges: a lost, duplicate or reordered event at a healthy
// subscriber makes the result void, and the hub's own ledger has to add up. It returns how many events each group was sent.
func (s *setup) finish() (sent []uint64) {
	sent = must(s.fleet.Pause())
	s.drain()
	reports := must(s.fleet.Report(sent))
	total := swarm.Total(reports)
	s.result.Add(MetricFaults, float64(total.Faults.Sum()))
	if total.Faults.Sum() > 0 {
		s.result.void("%+v, for instance: %s", total.Faults, total.Example)
	}
	s.checkLedger(total.Delivered)
	return sent
}

// drain waits until nothing arrives any more.
func (s *setup) drain() {
	last, since := uint64(0), time.Now()
	for time.Since(since) < stallTimeout/6 {
		now := uint64(0)
		for group := range swarm.MaxGroups {
			now += s.fleet.Counters().Delivered(group)
		}
		if now != last {
			last, since = now, time.Now()
		}
		s.progress.report("draining")
		time.Sleep(pollEvery)
	}
}

// checkLedger holds the hub to its promise that every event is accounted for, and compares with what the subscribers received. An older
// build may lack a column: that is only noted.
func (s *setup) checkLedger(received uint64) {
	if s.server.Admin == "" {
		return
	}
	metrics, err := s.server.Metrics()
	if err != nil {
		s.result.Note("the ledger was not checked: %v", err)
		return
	}
	switch err := metrics.Ledger(received); {
	case errors.Is(err, server.ErrNoMetric) && s.target.Name != "hub":
		s.result.Note("the ledger was not checked: %v", err)
	case err != nil:
		s.result.void("%v", err)
	}
}

// checkEventsIn compares what was sent with the hub's own count, where it has one.
func (s *setup) checkEventsIn(sent uint64) {
	metrics, err := s.server.Metrics()
	if err != nil {
		return
	}
	if parsed, known := metrics[server.EventsIn]; known && parsed != float64(sent) {
		s.result.void("%d events were sent, the hub counted %.0f", sent, parsed)
	}
}
