//go:build linux

package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"os"
	"strings"
	"time"
)

//go:embed page.html
var pageSource string

// chart is one plot over the time of the run. A logarithmic one begins at 0.1.
type chart struct {
	title, unit string
	logarithmic bool
	lines       []line
}

// line is one curve of a chart.
type line struct {
	Name, Color string
	value       func(point) float64
}

var charts = []chart{
	{"Process memory", "MB", false, []line{
		{"resident", "#2563eb", func(p point) float64 { return p.rss }}, {"Go heap in use", "#14b8a6", func(p point) float64 { return p.heap }}}},
	{"Descriptors and connections", "", false, []line{
		{"descriptors", "#2563eb", func(p point) float64 { return p.descriptors }}, {"connections", "#f59e0b", func(p point) float64 { return p.connections }}}},
	{"Goroutines", "", false, []line{{"goroutines", "#7c3aed", func(p point) float64 { return p.goroutines }}}},
	{"Latency of the steady subscribers, p99", "ms", true, []line{{"p99", "#dc2626", func(p point) float64 { return p.p99 }}}},
	{"Deliveries", "a second", false, []line{{"delivered", "#16a34a", func(p point) float64 { return p.delivered }}, {"dropped, accounted for", "#b45309", func(p point) float64 { return p.dropped }}}},
	{"Queued in the hub", "MB", false, []line{{"queued", "#0891b2", func(p point) float64 { return p.queued }}}},
	{"Processor", "% of a core", false, []line{{"hub", "#475569", func(p point) float64 { return p.cpu }}}},
}

// The page's coordinates: all charts are a thousand wide and a hundred high.
const (
	chartWidth  = 1000
	chartHeight = 100
)

// drawing is a chart with its curves, from its lowest value to its highest.
type drawing struct {
	Title, Unit, Low, High string
	Lines                  []curve
}

type curve struct {
	line
	Path string
}

// band is a phase, or a start of the hub, in a chart.
type band struct {
	Scenario string
	X, Width float64
}

type figure struct {
	Value, Label string
	Bad          bool
}

// writePage writes the report: one file without outside assets.
func (s *soak) writePage() error {
	page, err := template.New("page").Parse(pageSource)
	if err != nil {
		return fmt.Errorf("read the page's template: %w", err)
	}
	file, err := os.Create(s.Report)
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	defer file.Close()
	content := map[string]any{
		"Began": s.began.Format("2006-01-02 15:04 MST"), "Took": s.took.Round(time.Second), "Figures": s.figures(), "Problems": s.problems,
		"Scenarios": scenarios, "Charts": s.drawings(), "Bands": s.bands(), "Width": chartWidth, "Height": chartHeight,
	}
	if err := page.Execute(file, content); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return file.Close()
}

func (s *soak) figures() []figure {
	t := s.totals
	whole := func(n uint64, label string) figure { return figure{fmt.Sprint(n), label, false} }
	bad := func(n uint64, label string) figure { return figure{fmt.Sprint(n), label, n > 0} }
	return []figure{
		whole(t.Checked, "events checked"), bad(t.Faults.Lost, "lost"), bad(t.Faults.Duplicated, "duplicates"), bad(t.Faults.Reordered, "out of order"),
		whole(t.Deliveries, "deliveries in the ledger"), whole(t.Dropped, "of them dropped, by reason"), whole(t.Accepted, "connections accepted"),
		whole(t.Kills, "killed on purpose"), whole(t.Drained, "drained with 1012"), whole(uint64(len(s.starts)), "rounds"),
	}
}

// bands are the phases, and the starts of the hub as bands without a width.
func (s *soak) bands() (all []band) {
	for _, p := range s.phases {
		all = append(all, band{p.scenario, s.x(p.from), s.x(p.to) - s.x(p.from)})
	}
	for _, at := range s.starts {
		all = append(all, band{"start", s.x(at), 0})
	}
	return all
}

func (s *soak) x(at time.Duration) float64 {
	return chartWidth * at.Seconds() / max(s.took.Seconds(), 1e-9)
}

func (s *soak) drawings() (all []drawing) {
	for _, c := range charts {
		high := 1.0
		for _, p := range s.points {
			for _, l := range c.lines {
				high = max(high, l.value(p))
			}
		}
		drawn := drawing{Title: c.title, Unit: c.unit, Low: "0", High: fmt.Sprintf("%.4g", high)}
		height := func(v float64) float64 { return v / high }
		if c.logarithmic {
			drawn.Low = "0.1"
			height = func(v float64) float64 { return math.Log10(max(v, 0.1)*10) / math.Log10(high*10) }
		}
		for _, l := range c.lines {
			drawn.Lines = append(drawn.Lines, curve{l, s.path(l, height)})
		}
		all = append(all, drawn)
	}
	return all
}

// path draws a line for each round: between two of them there is no hub.
func (s *soak) path(l line, height func(float64) float64) string {
	var b strings.Builder
	round := -1
	for _, p := range s.points {
		step := 'L'
		if p.round != round {
			round, step = p.round, 'M'
		}
		fmt.Fprintf(&b, "%c%.1f %.1f", step, s.x(p.at), chartHeight*(1-height(l.value(p))))
	}
	return b.String()
}
