//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The metrics, as the table names them.
const (
	metricDeliveries        = "deliveries/s"
	metricEvents            = "events/s"
	metricNodePerEvent      = "CPU of nodes, µs/event"
	metricNodePerDelivery   = "CPU of nodes, µs/delivery"
	metricBrokerPerEvent    = "CPU of broker, µs/event"
	metricBrokerPerDelivery = "CPU of broker, µs/delivery"
	metricMedian            = "p50, ms"
	metricP99               = "p99, ms"
	metricLastMedian        = "p50 at the slowest node, ms"
	metricLast99            = "p99 at the slowest node, ms"
	metricNodeMemory        = "memory of a node, MB"
	metricBrokerMemory      = "memory of the broker, MB"
	metricMissing           = "missing"
	metricFaults            = "other faults"

	metricMoved    = "clients that had to move"
	metricBackP50  = "back, p50, s"
	metricBackP99  = "back, p99, s"
	metricBackMax  = "back, last, s"
	metricRepeated = "repeated"
	metricGaps     = "told gaps"
	metricClose    = "closes with "

	metricPublishAgain = "requests to publish made again"
)

// metric is one figure.
type metric struct {
	name  string
	value float64
}

// result is what one turn gave. Note says what is strange, Err why there are no figures.
type result struct {
	turn    turn
	metrics []metric
	Note    string
	Err     error
}

// set adds a figure.
func (r *result) set(name string, value float64) {
	r.metrics = append(r.metrics, metric{name, value})
}

// value finds a figure.
func (r result) value(name string) (float64, bool) {
	for _, m := range r.metrics {
		if m.name == name {
			return m.value, true
		}
	}
	return 0, false
}

// results are those of all turns, in the order in which they were measured.
type results []result

// median is the middle of what the runs gave, false if there is none.
func (all results) median(work, engine, from, server, name string) (float64, bool) {
	var values []float64
	for _, r := range all {
		value, has := r.value(name)
		if has && r.Err == nil && r.turn.work.name == work && r.turn.Engine == engine && r.turn.From == from && r.turn.Server == server {
			values = append(values, value)
		}
	}
	if len(values) == 0 {
		return 0, false
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2, true
}

// distinct lists the different values of a field, in order.
func (all results) distinct(field func(result) string) (values []string) {
	for _, r := range all {
		if value := field(r); !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values
}

// where keeps the results for which keep is true.
func (all results) where(keep func(result) bool) (some results) {
	for _, r := range all {
		if keep(r) {
			some = append(some, r)
		}
	}
	return some
}

// markdown is the whole report: a table for each work, engine and place of publishing.
func (all results) markdown(head string) string {
	var out strings.Builder
	out.WriteString(head)
	for _, key := range all.distinct(func(r result) string { return r.key() }) {
		all.where(func(r result) bool { return r.key() == key }).table(&out)
	}
	return out.String()
}

func (r result) key() string { return r.turn.work.name + " " + r.turn.Engine + " " + r.turn.From }

// table writes the results of one work on one engine.
func (all results) table(out *strings.Builder) {
	t := all[0].turn
	servers := all.distinct(func(r result) string { return r.turn.Server })
	slices.SortFunc(servers, func(a, b string) int { return strings.Compare(b, a) })
	fmt.Fprintf(out, "\n## %s, on %s", t.work.title, t.Engine)
	if t.work.kind == kindLoad {
		fmt.Fprintf(out, ", published at %s", map[string]string{fromOne: "one node", fromSpread: "all nodes"}[t.From])
	}
	compared := len(servers) == 2
	fmt.Fprintf(out, "\n\n| | %s |", strings.Join(servers, " | "))
	if compared {
		fmt.Fprintf(out, " %s / %s |", servers[0], servers[1])
	}
	fmt.Fprintf(out, "\n|---|%s\n", strings.Repeat("---|", len(servers)+len(servers)/2))
	for _, name := range all.metricNames() {
		fmt.Fprintf(out, "| %s |", name)
		var medians []float64
		for _, one := range servers {
			value, has := all.median(t.work.name, t.Engine, t.From, one, name)
			if !has {
				out.WriteString(" - |")
				continue
			}
			medians = append(medians, value)
			fmt.Fprintf(out, " %s |", figure(value))
		}
		if compared {
			fmt.Fprintf(out, " %s |", ratio(medians))
		}
		out.WriteString("\n")
	}
	for _, r := range all {
		switch {
		case r.Err != nil:
			fmt.Fprintf(out, "\nA run of %s failed: %v\n", r.turn.Server, r.Err)
		case r.Note != "":
			fmt.Fprintf(out, "\nA run of %s: %s\n", r.turn.Server, r.Note)
		}
	}
}

// metricNames lists the names of all figures, in order.
func (all results) metricNames() (found []string) {
	for _, r := range all {
		for _, m := range r.metrics {
			if !slices.Contains(found, m.name) {
				found = append(found, m.name)
			}
		}
	}
	return found
}

// ratio is that of the first figure to the second, empty where there is none.
func ratio(medians []float64) string {
	if len(medians) != 2 || medians[1] == 0 {
		return ""
	}
	return figure(medians[0] / medians[1])
}

// figure has three digits that count.
func figure(v float64) string {
	switch size := math.Abs(v); {
	case v == math.Trunc(v) && size < 1e6:
		return fmt.Sprintf("%.0f", v)
	case size >= 1e6:
		return fmt.Sprintf("%.2f M", v/1e6)
	case size >= 1e4:
		return fmt.Sprintf("%.1f k", v/1e3)
	case size >= 100:
		return fmt.Sprintf("%.0f", v)
	case size >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.3g", v)
	}
}
