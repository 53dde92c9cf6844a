//go:build linux

package main

import (
	"fmt"
	"strings"

	"github.com/spokehub/spokehub/bench/load"
)

// row is one line of the tables and one plot: a metric of a workload, and what the project wants of it, as a ratio to Bun measured in
// the same minutes, or as such.
type row struct {
	label    string
	match    string
	metric   string
	title    string
	unit     string
	ratio    float64
	absolute float64
	more     bool
}

const (
	unitCPU    = "us of CPU a delivery"
	unitRate   = "deliveries/s"
	unitMillis = "ms"
)

var rows = []row{
	{label: "saturate", match: "spokes=1000/topics=1/window=64/bytes=128", metric: load.MetricCPU, title: "1,000 of one topic, 64 in flight, 128 B", unit: unitCPU, ratio: 0.50},
	{label: "saturate", match: "spokes=1000/topics=1/window=64/bytes=128", metric: load.MetricDeliveries, title: "1,000 of one topic, 64 in flight, 128 B", unit: unitRate, ratio: 2.0, more: true},
	{label: "saturate", match: "spokes=1000/topics=1/window=64/bytes=1024", metric: load.MetricCPU, title: "1,000 of one topic, 64 in flight, 1 KiB", unit: unitCPU},
	{label: "saturate", match: "spokes=1000/topics=1/window=64/bytes=1024", metric: load.MetricDeliveries, title: "1,000 of one topic, 64 in flight, 1 KiB", unit: unitRate, more: true},
	{label: "saturate", match: "spokes=10000/topics=1/window=16/bytes=128", metric: load.MetricCPU, title: "10,000 of one topic, 16 in flight, 128 B", unit: unitCPU, ratio: 0.50},
	{label: "saturate", match: "spokes=10000/topics=1/window=16/bytes=128", metric: load.MetricDeliveries, title: "10,000 of one topic, 16 in flight, 128 B", unit: unitRate, ratio: 2.5, more: true},
	{label: "saturate", match: "spokes=10000/topics=1/window=16/bytes=1024", metric: load.MetricCPU, title: "10,000 of one topic, 16 in flight, 1 KiB", unit: unitCPU},
	{label: "saturate", match: "spokes=10000/topics=1/window=16/bytes=1024", metric: load.MetricDeliveries, title: "10,000 of one topic, 16 in flight, 1 KiB", unit: unitRate, more: true},
	{label: "one-in-flight", metric: load.MetricCPU, title: "1,000 of one topic, one in flight", unit: unitCPU, ratio: 0.95},
	{label: "many-topics", metric: load.MetricCPU, title: "10,000 over 1,000 topics", unit: unitCPU, ratio: 0.95},
	{label: "many-topics", metric: load.MetricDeliveries, title: "10,000 over 1,000 topics", unit: unitRate, ratio: 2.0, more: true},
	{label: "steady", match: "spokes=1000/", metric: load.MetricP50, title: "steady 100/s to 1,000: p50", unit: unitMillis, ratio: 0.9},
	{label: "steady", match: "spokes=1000/", metric: load.MetricP99, title: "steady 100/s to 1,000: p99", unit: unitMillis, ratio: 0.9},
	{label: "steady", match: "spokes=1000/", metric: load.MetricP999, title: "steady 100/s to 1,000: p99.9", unit: unitMillis},
	{label: "steady", match: "spokes=10000/", metric: load.MetricP50, title: "steady 10/s to 10,000: p50", unit: unitMillis, ratio: 0.75},
	{label: "steady", match: "spokes=10000/", metric: load.MetricP99, title: "steady 10/s to 10,000: p99", unit: unitMillis, ratio: 0.75},
	{label: "steady", match: "spokes=10000/", metric: load.MetricP999, title: "steady 10/s to 10,000: p99.9", unit: unitMillis},
	{label: "idle", metric: load.MetricMemory, title: "idle and subscribed: process memory", unit: "B a spoke", absolute: 300},
	{label: "idle", metric: load.MetricKernel, title: "idle and subscribed: kernel memory, the server's end", unit: "B a spoke"},
	{label: "idle", metric: load.MetricConnectCPU, title: "connect, handshake, subscribe", unit: "us of CPU each", ratio: 1.0},
	{label: "idle", metric: load.MetricConnects, title: "connect, handshake, subscribe", unit: "a second", more: true},
	{label: "events-in", match: "batch=16/", metric: load.MetricCPU, title: "events in, 16 a write", unit: "us of CPU an event", ratio: 0.85},
	{label: "events-in", match: "batch=16/", metric: load.MetricEvents, title: "events in, 16 a write", unit: "events/s", more: true},
	{label: "events-in", match: "batch=1/", metric: load.MetricCPU, title: "events in, 1 a write", unit: "us of CPU an event", ratio: 0.90},
	{label: "churn", metric: load.MetricCPU, title: "subscribe or unsubscribe, 50,000/s", unit: "us of CPU each", absolute: 1},
	{label: "churn", metric: load.MetricAckP99, title: "... answered beside a fan-out to 10,000: p99", unit: unitMillis, absolute: 1},
	{label: "mixed", metric: load.MetricSmallP99, title: "mixed: p99 of the small topics", unit: unitMillis, absolute: 5},
	{label: "slow", metric: load.MetricStallRatio, title: "10 % stalled: p99 of the healthy against none stalled", unit: "times", absolute: 1.1},
	{label: "growth", metric: load.MetricGrowthMemory, title: "1,000 to 19,000 spokes: bytes of each further one", unit: "times", absolute: 1.0},
	{label: "growth", metric: load.MetricGrowthCPU, title: "1,000 to 19,000 spokes: CPU a delivery, one in flight", unit: "times", absolute: 1.3},
}

// name finds the workload that the row is of, if it was measured.
func (r row) name(all findings) (string, bool) {
	for _, name := range all.names() {
		label, parameters, _ := strings.Cut(name, "/")
		if label == r.label && strings.Contains(parameters, r.match) {
			return name, true
		}
	}
	return "", false
}

// verdict compares the hub with what is wanted of it.
type verdict struct {
	ratio  float64
	target string
	met    string
}

func (r row) judge(hub, bun spread, hasHub, hasBun bool) verdict {
	var v verdict
	if hasHub && hasBun && bun.median != 0 {
		v.ratio = hub.median / bun.median
	}
	got, limit := v.ratio, r.ratio
	switch {
	case r.absolute > 0:
		got, limit = hub.median, r.absolute
		v.target = fmt.Sprintf("%s at most", figure(r.absolute))
	case r.ratio > 0 && r.more:
		v.target = fmt.Sprintf("%.2f of Bun or more", r.ratio)
	case r.ratio > 0:
		v.target = fmt.Sprintf("%.2f of Bun at most", r.ratio)
	default:
		return v
	}
	switch {
	case !hasHub || r.absolute == 0 && v.ratio == 0:
	case r.more == (got >= limit) || got == limit:
		v.met = "yes"
	default:
		v.met = "no"
	}
	return v
}

// figure writes a number with three digits that matter.
func figure(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.2f M", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.0f k", v/1e3)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}
