//go:build linux

package main

import (
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

// The targets.
const (
	pingTarget   = 20 * time.Millisecond
	healthTarget = 50 * time.Millisecond
	// memoryTarget is what may be resident where the memory is limited.
	memoryTarget = 600 << 20
)

// shownEnds is how many kinds of ends a row shows.
const shownEnds = 4

// renderTable makes the table in Markdown.
func renderTable(o options, outcomes []outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Each attack lasts %v or as long as it needs, with %d attackers unless the row says otherwise, on %d cores.\n", o.duration, o.clients, runtime.NumCPU())
	fmt.Fprintf(&b, "Targets: ping p99 at most %v, /healthz p99 at most %v and none failed, no innocent closed, and at most %s resident under GOMEMLIMIT=%s (marked *). Latencies count from when a ping or a check was due; what the innocents were late with (late p99) is allowed for.\n\n",
		pingTarget, healthTarget, mebibytes(memoryTarget), memoryLimit)
	b.WriteString("| attack | server | attackers | resident: start, peak | CPU a second | ping: p50, p99, max | event p99 | /healthz: p99, max, failed | missing | innocents closed | late p99 | how attackers ended | sent, connects, crowd got | missed |\n")
	b.WriteString("|---" + strings.Repeat("|---", 13) + "|\n")
	for _, one := range outcomes {
		b.WriteString(one.row())
	}
	return b.String()
}

func (o outcome) row() string {
	if o.failure != nil {
		return fmt.Sprintf("| %s | %s | failed: %s |\n", o.attack.name, o.victim, strings.ReplaceAll(strings.ReplaceAll(o.failure.Error(), "\n", " "), "|", "/"))
	}
	mark := ""
	if o.attack.limited {
		mark = "*"
	}
	in := o.innocents
	cells := []string{
		o.attack.name, o.victim, fmt.Sprint(o.attackers),
		fmt.Sprintf("%s, %s%s", mebibytes(o.usage.start), mebibytes(o.usage.peak), mark),
		fmt.Sprintf("%.2f s", o.usage.cpu.Seconds()/o.took.Seconds()),
		fmt.Sprintf("%s, %s, %s", millis(in.Ping.Quantile(0.5)), millis(in.Ping.Quantile(0.99)), millis(in.Ping.Max())),
		millis(in.Event.Quantile(0.99)),
		fmt.Sprintf("%s, %s, %d of %d", millis(in.Health.Latency.Quantile(0.99)), millis(in.Health.Latency.Max()), in.Health.Failed, in.Health.Checks),
		fmt.Sprint(in.Missing), o.closed(), millis(in.Late.Quantile(0.99)), showEnds(o.gang.Ends),
		fmt.Sprintf("%s, %d, %d", mebibytes(o.gang.Sent), o.gang.Connects, o.crowd.Messages),
		cmp.Or(strings.Join(o.missed(), "; "), "none"),
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// closed says how many innocents were closed, and how.
func (o outcome) closed() string {
	all := o.allClosed()
	if len(all) == 0 {
		return "0"
	}
	return showEnds(all)
}

// allClosed are those of the ten and of the crowd.
func (o outcome) allClosed() map[string]int {
	all := maps.Clone(o.innocents.Closed)
	for end, count := range o.crowd.Closed {
		all[end] += count
	}
	return all
}

// missed lists the targets that were missed. What the innocents themselves were late with is not held against the server.
func (o outcome) missed() (missed []string) {
	note := func(is bool, what string) {
		if is {
			missed = append(missed, what)
		}
	}
	in := o.innocents
	if !o.attack.stops {
		late := in.Late.Quantile(0.99)
		note(in.Ping.Quantile(0.99)-late > pingTarget, "ping")
		note(in.Health.Latency.Quantile(0.99)-late > healthTarget, "/healthz")
		note(in.Health.Failed > 0, "/healthz failed")
	}
	note(len(o.allClosed()) > 0, "innocents closed")
	note(o.panics > 0, "panics")
	note(o.attack.limited && o.usage.peak > memoryTarget, "resident")
	if want := o.attack.end; want != "" {
		others := 0
		for end, count := range o.gang.Ends {
			if end != want {
				others += count
			}
		}
		note(others > 0, fmt.Sprintf("%d did not end as wanted: %s", others, want))
	}
	return missed
}

// anyMissed is what -check asks: whether the hub missed a target. Peers may.
func anyMissed(outcomes []outcome) bool {
	return slices.ContainsFunc(outcomes, func(o outcome) bool {
		return o.victim == "hub" && (o.failure != nil || len(o.missed()) > 0)
	})
}

// showEnds lists the most frequent ends.
func showEnds(ends map[string]int) string {
	kinds := slices.SortedFunc(maps.Keys(ends), func(a, b string) int { return cmp.Or(ends[b]-ends[a], strings.Compare(a, b)) })
	var parts []string
	for _, kind := range kinds[:min(len(kinds), shownEnds)] {
		parts = append(parts, fmt.Sprintf("%d %s", ends[kind], kind))
	}
	if len(kinds) > shownEnds {
		parts = append(parts, "...")
	}
	return strings.Join(parts, ", ")
}

func mebibytes(bytes int64) string { return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)) }

func millis(d time.Duration) string {
	digits := 0
	if d < 10*time.Millisecond {
		digits = 1
	}
	return fmt.Sprintf("%.*f ms", digits, float64(d)/float64(time.Millisecond))
}
