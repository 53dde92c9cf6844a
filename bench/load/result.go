package load

import "fmt"

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
