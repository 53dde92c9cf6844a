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
	// MetricLast is the time until the last spoke that has resumed has all that it missed, MetricReplayed how many events of that came a second,
	// MetricReplayCPU the server's CPU time for each, MetricResumeMemory what the server had more at most.
	MetricLast         = "last-s"
	MetricReplayed     = "replayed/s"
	MetricReplayCPU    = "replay-us/event"
	MetricResumeMemory = "peak-B/spoke"
	// MetricKept is what the hub says that an event takes which is kept, MetricKeptHeap by how much the heap grows.
	MetricKept     = "B/event"
	MetricKeptHeap = "heap-B/event"
	// MetricAge is the age of the oldest event that came to a slow spoke, as a share of two round trips and the interval. MetricHeld is what slow
	// spokes made the hub hold at most in the second half of the time, MetricHeldGrowth how much more that is than in the first, MetricStayed
	// how many were not closed.
	MetricAge        = "age-ratio"
	MetricHeld       = "held-B/slow"
	MetricHeldGrowth = "held-ratio"
	MetricStayed     = "stayed"
	// PrefixAge and PrefixTrip stand before the ages of what slow spokes get, and their round trips.
	PrefixAge  = "age-"
	PrefixTrip = "trip-"
	// PrefixAck and PrefixSmall stand before the latencies of answers to control events and of small topics beside a giant one.
	PrefixAck   = "ack-"
	PrefixSmall = "small-"
)

// finish ends the publishers, waits until what they sent has arrived, and judges: a lost, duplicate or reordered event at a healthy
// subscriber makes the result void, and the hub's own ledger has to add up. What it has told spokes of is not lost. Groups of
// slow spokes that are given get the same events as the main one, and may read all that is left of them. It returns how many events each group was
// sent.
func (s *setup) finish(slow ...int) (sent []uint64) {
	sent = must(s.fleet.Pause())
	for _, group := range slow {
		sent[group] = sent[groupMain]
		must(s.fleet.Resume(group))
	}
	s.awaitCaughtUp()
	s.drain()
	reports := must(s.fleet.Report(sent))
	total := swarm.Total(reports)
	if total.Told > 0 && total.Told == total.Faults.Lost {
		total.Faults.Lost = 0
	}
	s.result.Add(MetricFaults, float64(total.Faults.Sum()))
	if total.Faults.Sum() > 0 {
		s.result.void("%+v, and told of %d as missing, for instance: %s", total.Faults, total.Told, total.Example)
	}
	s.checkLedger(total.Delivered)
	return sent
}

// awaitCaughtUp waits until the hub has sent everybody what was kept for those who were behind.
func (s *setup) awaitCaughtUp() {
	for since := time.Now(); time.Since(since) < stuckTimeout; time.Sleep(pollEvery) {
		if metrics, err := s.server.Metrics(); err == nil && metrics[server.Lagging] == 0 {
			return
		}
		s.progress.report("catching up")
	}
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
