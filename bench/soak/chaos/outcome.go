//go:build linux

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// outcome is what a run found, as the data file has it.
type outcome struct {
	Seed        uint64        `json:"seed"`
	Command     string        `json:"command"`
	Interrupted bool          `json:"interrupted"`
	Took        time.Duration `json:"took_ns"`
	Rounds      int           `json:"rounds"`
	Counts      counts        `json:"counts"`
	Faults      []faultCount  `json:"faults"`
	Problems    []problem     `json:"problems"`
	Further     int           `json:"further_problems"`
	Series      series        `json:"series"`
}

// faultCount is how often a fault was planned, and came to pass before its line ended.
type faultCount struct {
	Name     string `json:"name"`
	Planned  int    `json:"planned"`
	Befallen int    `json:"befallen"`
}

// counts are those of the whole run.
type counts struct {
	tallies
	Clients int `json:"clients"`
	Nodes   int `json:"nodes"`
	// Controls are how often it took so many messages to subscribe to everything.
	Controls map[int]int `json:"controls"`
}

// series are what is plotted.
type series struct {
	Moments []moment `json:"moments"`
	// Accepts are connects by the second.
	Accepts  []int      `json:"accepts"`
	Holdings []holding  `json:"holdings"`
	Waves    []waveData `json:"waves"`
	// Outages are how long clients were without all their subscriptions, in milliseconds, in order.
	Outages []float32 `json:"-"`
	// OutageQuantiles are those of Outages: the median, 90, 99 and 100 percent.
	OutageQuantiles [4]float32 `json:"outage_quantiles_ms"`
}

// waveData is how clients came back after an upheaval.
type waveData struct {
	What string `json:"what"`
	// Kind is what the clients run in.
	Kind string `json:"kind"`
	// Clients came back, PeakPercent of them in the same 100 ms, and the middle half of them within Width. Counts has how many came in
	// each 100 ms.
	Clients     int           `json:"clients"`
	PeakPercent float64       `json:"peak_percent"`
	Width       time.Duration `json:"width_ns"`
	Counts      []int         `json:"counts_by_100_ms"`
	// Disturbed tells that the process of the clients did not get to run meanwhile.
	Disturbed bool `json:"disturbed"`
}

// describe tells how spread the clients were.
func (w waveData) describe() string {
	text := fmt.Sprintf("half of them within %v, at most %.0f %% in the same 100 ms", w.Width.Round(time.Millisecond), w.PeakPercent)
	if w.Disturbed {
		text += ", while their process did not always get to run"
	}
	return text
}

// outcome gathers what was found and judges memory and spread.
func (c *chaos) outcome(interrupted bool) outcome {
	waves, accepts := c.arrivals.all()
	for _, what := range append(judgeMemory(c.holdings), judgeSpread(waves)...) {
		c.ledger.judge(what)
	}
	f := c.ledger.result()
	o := outcome{
		Seed: c.Seed, Command: c.command(), Interrupted: interrupted, Took: c.ledger.elapsed(), Rounds: c.rounds,
		Counts:   counts{f.tallies, c.Clients, c.Nodes, f.controls},
		Problems: f.problems, Further: f.further, Series: series{Moments: c.timeline.all(), Accepts: accepts, Holdings: c.holdings},
	}
	for _, k := range kinds {
		o.Faults = append(o.Faults, faultCount{k.name, f.planned[k.fault], f.befallen[k.fault]})
	}
	for _, w := range waves {
		o.Series.Waves = append(o.Series.Waves, waveData{w.what.String(), w.kind, len(w.delays), w.peak(), w.width(), w.histogram(), w.disturbed})
	}
	slices.Sort(f.outages)
	o.Series.Outages = f.outages
	for i, share := range []float64{0.5, 0.9, 0.99, 1} {
		if len(f.outages) > 0 {
			o.Series.OutageQuantiles[i] = f.outages[int(share*float64(len(f.outages)-1))]
		}
	}
	return o
}

// failed tells whether there was a problem.
func (o outcome) failed() bool { return len(o.Problems) > 0 }

// print writes the outcome in words.
func (o outcome) print(out io.Writer) {
	fmt.Fprintf(out, "Chaos of %v, %d rounds, seed %d: %d problems\n", o.Took.Round(time.Second), o.Rounds, o.Seed, len(o.Problems)+o.Further)
	if o.Interrupted {
		fmt.Fprintln(out, "It was interrupted: what was to come has not been tried.")
	}
	for _, problem := range o.Problems {
		fmt.Fprintln(out, "-", problem)
	}
	if o.failed() {
		fmt.Fprintln(out, "To repeat it:", o.Command)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer table.Flush()
	for _, row := range o.rows() {
		fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
	}
}

// controlsRow tells how many messages it took to subscribe to everything.
func (o outcome) controlsRow() string {
	var parts []string
	for _, messages := range slices.Sorted(maps.Keys(o.Counts.Controls)) {
		parts = append(parts, fmt.Sprintf("%d: %d times", messages, o.Counts.Controls[messages]))
	}
	return strings.Join(parts, ", ")
}

// rows are the figures that the words and the page have.
func (o outcome) rows() [][2]string {
	c, q := o.Counts, o.Series.OutageQuantiles
	rows := [][2]string{
		{"clients", fmt.Sprintf("%d, %d of them in Node", c.Clients, c.Nodes)},
		{"lines", fmt.Sprintf("%d, of which clients gave up %d without a fault, %d of them in Node", c.Lines, c.GivenUp, c.GivenUpNode)},
		{"all subscriptions back", fmt.Sprintf("%d times, after %.0f ms (median), %.0f (90 %%), %.0f (99 %%), %.0f (longest)", c.Back, q[0], q[1], q[2], q[3])},
		{"messages to subscribe", o.controlsRow()},
		{"events published", fmt.Sprintf("%d, of which a dying hub may not have dispatched %d", c.Published, c.Uncertain)},
		{"events passed", fmt.Sprintf("%d, heard %d, lost in flight with a line %d", c.Passed, c.Heard, c.LostInFlight)},
		{"missed while away", fmt.Sprint(c.LostAway)},
		{"events of streams", fmt.Sprintf("%d passed, %d of them again for who came back, %d heard", c.StreamPassed, c.StreamReplayed, c.StreamHeard)},
		{"topics of streams that came back", fmt.Sprintf("%d resumed, %d with a gap, %d in another epoch", c.Resumed, c.Gapped, c.Renewed)},
		{"clients that fell behind", fmt.Sprintf("%d times, and were told of %d gaps on the line", c.Lags, c.Told)},
		{"gaps that clients were told of", fmt.Sprintf("%d, of %d events, and %d of unknown size", c.Gaps, c.Missed, c.UnknownGaps)},
		{"published by clients", fmt.Sprintf("%d arrived, %d lost with a line, %d refused at once", c.Said, c.SaidLost, c.Refused)},
	}
	for i, w := range o.Series.Waves {
		if i >= len(o.Series.Waves)-2*len(upheavals) {
			rows = append(rows, [2]string{w.What, fmt.Sprintf("%d clients in %s came back, %s", w.Clients, w.Kind, w.describe())})
		}
	}
	for _, h := range o.Series.Holdings[max(0, len(o.Series.Holdings)-3):] {
		rows = append(rows, [2]string{h.Process, fmt.Sprintf("%.1f MB resident, %.1f MB heap, %d goroutines or handles", float64(h.Resident)/1e6, float64(h.Heap)/1e6, h.Running)})
	}
	return rows
}
