//go:build linux

package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spokehub/spokehub/bench/load"
)

const (
	unitCPU     = "us of CPU a delivery"
	unitMiB     = "us of CPU a MiB"
	unitRate    = "deliveries/s"
	unitMillis  = "ms"
	unitMessage = "ms a message"

	// baseline is the name of another build of the hub, tolerated how much worse than it the hub may be.
	baseline  = "baseline"
	tolerated = 1.03
)

// row is one line of the tables: a metric of a workload, and what the project wants of it, as a ratio to a rival measured in the same
// minutes, or as such.
type row struct {
	label string
	// match is a part of the workload's parameters; empty where the label has one workload alone.
	match string
	// metric is one of the load package's; title and unit are what the table shows.
	metric, title, unit string
	goal
}

// goal is what is wanted: at most a ratio, or at least where more is better, or at most an absolute value. Zero means nothing.
type goal struct {
	ratio, absolute float64
	more            bool
	// rival is the server that the ratio is of; Bun if empty. subject is the one that is judged; the hub if empty.
	rival, subject string
}

func (g goal) against() string { return cmp.Or(g.rival, "bun") }

func (g goal) judged() string { return cmp.Or(g.subject, "hub") }

var (
	smallFew, longFew   = "spokes=1000/topics=1/window=64/bytes=128", "spokes=1000/topics=1/window=64/bytes=1024"
	smallMany, longMany = "spokes=10000/topics=1/window=16/bytes=128", "spokes=10000/topics=1/window=16/bytes=1024"
	more                = goal{more: true}
	gorilla             = goal{ratio: 1, rival: "gorilla"}
)

var rows = []row{
	{"saturate", smallFew, load.MetricCPU, "1,000 of one topic, 64 in flight, 128 B", unitCPU, ratio(0.50)},
	{"saturate", smallFew, load.MetricDeliveries, "1,000 of one topic, 64 in flight, 128 B", unitRate, atLeast(2)},
	{"saturate", longFew, load.MetricCPU, "1,000 of one topic, 64 in flight, 1 KiB", unitCPU, goal{}},
	{"saturate", longFew, load.MetricDeliveries, "1,000 of one topic, 64 in flight, 1 KiB", unitRate, more},
	{"saturate", smallMany, load.MetricCPU, "10,000 of one topic, 16 in flight, 128 B", unitCPU, ratio(0.50)},
	{"saturate", smallMany, load.MetricDeliveries, "10,000 of one topic, 16 in flight, 128 B", unitRate, atLeast(2.5)},
	{"saturate", longMany, load.MetricCPU, "10,000 of one topic, 16 in flight, 1 KiB", unitCPU, goal{}},
	{"saturate", longMany, load.MetricDeliveries, "10,000 of one topic, 16 in flight, 1 KiB", unitRate, more},
	{"one-in-flight", "spokes=1000/", load.MetricCPU, "1,000 of one topic, one in flight", unitCPU, ratio(0.95)},
	{"one-in-flight", "spokes=1000/", load.MetricP50, "1,000 of one topic, one in flight: p50", unitMillis, ratio(1)},
	{"one-in-flight", "spokes=1000/", load.MetricP99, "1,000 of one topic, one in flight: p99", unitMillis, ratio(1)},
	{"one-in-flight", "spokes=1000/", load.MetricP999, "1,000 of one topic, one in flight: p99.9", unitMillis, ratio(1)},
	{"many-topics", "", load.MetricCPU, "10,000 over 1,000 topics", unitCPU, ratio(0.95)},
	{"many-topics", "", load.MetricDeliveries, "10,000 over 1,000 topics", unitRate, atLeast(2)},
	{"tails", "", load.MetricP50, "10,000 over 1,000 topics, 1,000 events/s: p50", unitMillis, ratio(1)},
	{"tails", "", load.MetricP99, "10,000 over 1,000 topics, 1,000 events/s: p99", unitMillis, ratio(1)},
	{"tails", "", load.MetricP999, "10,000 over 1,000 topics, 1,000 events/s: p99.9", unitMillis, ratio(1)},
	{"tails", "", load.MetricCPU, "10,000 over 1,000 topics, 1,000 events/s", unitCPU, goal{}},
	{"steady", "spokes=1000/", load.MetricP50, "steady 100/s to 1,000: p50", unitMillis, ratio(0.9)},
	{"steady", "spokes=1000/", load.MetricP99, "steady 100/s to 1,000: p99", unitMillis, ratio(0.9)},
	{"steady", "spokes=1000/", load.MetricP999, "steady 100/s to 1,000: p99.9", unitMillis, goal{}},
	{"steady", "spokes=10000/", load.MetricP50, "steady 10/s to 10,000: p50", unitMillis, ratio(0.75)},
	{"steady", "spokes=10000/", load.MetricP99, "steady 10/s to 10,000: p99", unitMillis, ratio(0.75)},
	{"steady", "spokes=10000/", load.MetricP999, "steady 10/s to 10,000: p99.9", unitMillis, goal{}},
	{"idle", "", load.MetricMemory, "idle and subscribed: process memory", "B a spoke", atMost(300)},
	{"idle", "", load.MetricKernel, "idle and subscribed: kernel memory, the server's end", "B a spoke", goal{}},
	{"idle", "", load.MetricConnectCPU, "connect, handshake, subscribe", "us of CPU each", ratio(1)},
	{"idle", "", load.MetricConnects, "connect, handshake, subscribe", "a second", more},
	{"events-in", "batch=16/", load.MetricCPU, "events in, 16 a write", "us of CPU an event", ratio(0.85)},
	{"events-in", "batch=16/", load.MetricEvents, "events in, 16 a write", "events/s", more},
	{"events-in", "batch=1/", load.MetricCPU, "events in, 1 a write", "us of CPU an event", ratio(0.90)},
	{"churn", "", load.MetricCPU, "subscribe or unsubscribe, 50,000/s", "us of CPU each", atMost(1)},
	{"churn", "", load.PrefixAck + load.MetricP99, "... answered beside a fan-out to 10,000: p99", unitMillis, atMost(1)},
	{"mixed", "", load.PrefixSmall + load.MetricP99, "mixed: p99 of the small topics", unitMillis, atMost(5)},
	{"slow", "", load.MetricStallRatio, "10 % stalled: p99 of the healthy against none stalled", "times", atMost(1.1)},
	{"growth", "", load.MetricGrowthMemory, "1,000 to 19,000 spokes: bytes of each further one", "times", atMost(1)},
	{"growth", "", load.MetricGrowthCPU, "1,000 to 19,000 spokes: CPU a delivery, one in flight", "times", atMost(1.3)},
	{"large-in", "bytes=1048576", load.MetricCPU, "1 MiB in", unitMiB, gorilla},
	{"large-in", "bytes=1048576", load.MetricP50, "1 MiB in", unitMessage, gorilla},
	{"large-in", "bytes=16777216", load.MetricCPU, "16 MiB in", unitMiB, gorilla},
	{"large-in", "bytes=16777216", load.MetricP50, "16 MiB in", unitMessage, gorilla},
	{"large-echo", "op=1/fragment=0", load.MetricCPU, "16 MiB of text echoed", unitMiB, gorilla},
	{"large-echo", "op=1/fragment=0", load.MetricP50, "16 MiB of text echoed", unitMessage, gorilla},
	{"large-echo", "op=2/fragment=0", load.MetricCPU, "16 MiB of binary echoed", unitMiB, gorilla},
	{"large-echo", "op=2/fragment=0", load.MetricP50, "16 MiB of binary echoed", unitMessage, gorilla},
	{"large-echo", "op=1/fragment=65536", load.MetricCPU, "16 MiB of text in 64 KiB fragments echoed", unitMiB, gorilla},
	{"large-echo", "op=1/fragment=65536", load.MetricP50, "16 MiB of text in 64 KiB fragments echoed", unitMessage, gorilla},
	{"large-echo", "op=2/fragment=65536", load.MetricCPU, "16 MiB of binary in 64 KiB fragments echoed", unitMiB, gorilla},
	{"large-echo", "op=2/fragment=65536", load.MetricP50, "16 MiB of binary in 64 KiB fragments echoed", unitMessage, gorilla},
}

// secureRows are those of the table of servers with TLS; their rivals have it too.
var secureRows = []row{
	{"connect", "", load.MetricCPU, "connect, full handshake, subscribe", "us of CPU each", ratio(1)},
	{"connect", "", load.MetricConnects, "connect, full handshake, subscribe", "a second", more},
	{"idle", "", load.MetricMemory, "idle and subscribed: process memory", "B a spoke", atMost(8 << 10)},
	{"idle", "", load.MetricHeap, "idle and subscribed: heap of Go", "B a spoke", goal{}},
	{"idle", "", load.MetricStacks, "idle and subscribed: stacks of goroutines", "B a spoke", goal{}},
	{"saturate", smallFew, load.MetricCPU, "1,000 of one topic, 64 in flight, 128 B", unitCPU, ratio(1)},
	{"saturate", smallFew, load.MetricDeliveries, "1,000 of one topic, 64 in flight, 128 B", unitRate, more},
	{"saturate", longFew, load.MetricCPU, "1,000 of one topic, 64 in flight, 1 KiB", unitCPU, ratio(1)},
	{"saturate", longFew, load.MetricDeliveries, "1,000 of one topic, 64 in flight, 1 KiB", unitRate, more},
	{"saturate", smallMany, load.MetricCPU, "10,000 of one topic, 16 in flight, 128 B", unitCPU, ratio(1)},
	{"saturate", smallMany, load.MetricDeliveries, "10,000 of one topic, 16 in flight, 128 B", unitRate, more},
	{"saturate", longMany, load.MetricCPU, "10,000 of one topic, 16 in flight, 1 KiB", unitCPU, ratio(1)},
	{"saturate", longMany, load.MetricDeliveries, "10,000 of one topic, 16 in flight, 1 KiB", unitRate, more},
	{"one-in-flight", "spokes=1000/", load.MetricCPU, "1,000 of one topic, one in flight", unitCPU, ratio(1)},
	{"one-in-flight", "spokes=1000/", load.MetricP50, "1,000 of one topic, one in flight: p50", unitMillis, goal{}},
	{"one-in-flight", "spokes=1000/", load.MetricP99, "1,000 of one topic, one in flight: p99", unitMillis, goal{}},
	{"many-topics", "", load.MetricCPU, "10,000 over 1,000 topics", unitCPU, goal{}},
	{"many-topics", "", load.MetricDeliveries, "10,000 over 1,000 topics", unitRate, more},
	{"tails", "", load.MetricP99, "10,000 over 1,000 topics, 1,000 events/s: p99", unitMillis, goal{}},
	{"steady", "spokes=1000/", load.MetricP99, "steady 100/s to 1,000: p99", unitMillis, goal{}},
	{"steady", "spokes=10000/", load.MetricP99, "steady 10/s to 10,000: p99", unitMillis, goal{}},
	{"events-in", "batch=16/", load.MetricCPU, "events in, 16 a write", "us of CPU an event", goal{}},
	{"events-in", "batch=1/", load.MetricCPU, "events in, 1 a write", "us of CPU an event", goal{}},
	{"churn", "", load.MetricCPU, "subscribe or unsubscribe, 50,000/s", "us of CPU each", goal{}},
	{"mixed", "", load.PrefixSmall + load.MetricP99, "mixed: p99 of the small topics", unitMillis, goal{}},
	{"slow", "", load.MetricStallRatio, "10 % stalled: p99 of the healthy against none stalled", "times", goal{}},
	{"large-in", "bytes=1048576", load.MetricCPU, "1 MiB in", unitMiB, goal{}},
	{"large-in", "bytes=16777216", load.MetricCPU, "16 MiB in", unitMiB, goal{}},
}

func ratio(of float64) goal { return goal{ratio: of} }

func atLeast(of float64) goal { return goal{ratio: of, more: true} }

func atMost(value float64) goal { return goal{absolute: value} }

// name finds the workload that the row is of, if it was measured.
func (r row) name(all findings) (string, bool) {
	for _, name := range all.distinct(func(f finding) string { return f.Name }) {
		label, parameters, _ := strings.Cut(name, "/")
		if label == r.label && strings.Contains(parameters, r.match) {
			return name, true
		}
	}
	return "", false
}

// judge compares the hub with what is wanted of it: whether that is met is yes, no, or empty if nobody knows.
func (g goal) judge(hub, rival spread) (ratio float64, target, met string) {
	if hub.runs > 0 && rival.median != 0 {
		ratio = hub.median / rival.median
	}
	got, limit, bound := ratio, g.ratio, "at most"
	if g.more {
		bound = "or more"
	}
	switch {
	case g.absolute > 0:
		got, limit = hub.median, g.absolute
		target = fmt.Sprintf("%s %s", figure(g.absolute), bound)
	case g.ratio > 0:
		target = fmt.Sprintf("%.2f of %s %s", g.ratio, strings.Replace(g.against(), "bun", "Bun", 1), bound)
	}
	switch {
	case target == "" || hub.runs == 0 || g.absolute == 0 && ratio == 0:
	case g.more == (got >= limit) || got == limit:
		met = "yes"
	default:
		met = "no"
	}
	return ratio, target, met
}

// regression compares the hub with its baseline: the ratio, and whether it is worse by more than what is tolerated.
func (g goal) regression(hub, before spread) (ratio float64, worse bool) {
	if before.median == 0 {
		return 0, false
	}
	ratio = hub.median / before.median
	if g.more {
		return ratio, ratio < 1/tolerated
	}
	return ratio, ratio > tolerated
}

// figure writes a number with three significant digits.
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
