//go:build linux

package main

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
)

const (
	chartWidth   = 1060
	chartHeight  = 190
	marginLeft   = 70
	marginRight  = 14
	marginTop    = 12
	marginBottom = 26
	plotWidth    = chartWidth - marginLeft - marginRight
	plotHeight   = chartHeight - marginTop - marginBottom
)

// line is one curve of a chart.
type line struct {
	name, color string
	value       func(point) float64
}

// chart is one plot over the time of the run.
type chart struct {
	Title, Unit string
	lines       []line
	log         bool
}

var charts = []chart{
	{Title: "Process memory", Unit: "MB", lines: []line{
		{"resident", "#2563eb", func(p point) float64 { return p.rss }}, {"Go heap in use", "#14b8a6", func(p point) float64 { return p.heap }}}},
	{Title: "Descriptors and connections", Unit: "", lines: []line{
		{"descriptors", "#2563eb", func(p point) float64 { return p.descriptors }}, {"connections", "#f59e0b", func(p point) float64 { return p.connections }}}},
	{Title: "Goroutines", Unit: "", lines: []line{{"goroutines", "#7c3aed", func(p point) float64 { return p.goroutines }}}},
	{Title: "Latency of the steady subscribers, p99", Unit: "ms", log: true, lines: []line{{"p99", "#dc2626", func(p point) float64 { return p.p99 }}}},
	{Title: "Deliveries", Unit: "a second", lines: []line{{"delivered", "#16a34a", func(p point) float64 { return p.delivered }}, {"dropped, accounted for", "#b45309", func(p point) float64 { return p.dropped }}}},
	{Title: "Queued in the hub", Unit: "MB", lines: []line{{"queued", "#0891b2", func(p point) float64 { return p.queued }}}},
	{Title: "Processor", Unit: "% of a core", lines: []line{{"hub", "#475569", func(p point) float64 { return p.cpu }}}},
}

// Legend names the lines.
func (c chart) Legend() template.HTML {
	var b strings.Builder
	for _, l := range c.lines {
		fmt.Fprintf(&b, `<span class="key"><i style="background:%s"></i>%s</span>`, l.color, l.name)
	}
	return template.HTML(b.String())
}

// scale maps values to the height of a plot.
type scale struct {
	low, high float64
	log       bool
}

func (c chart) scale(points []point) scale {
	most, least := 0.0, math.Inf(1)
	for _, p := range points {
		for _, l := range c.lines {
			v := l.value(p)
			most = max(most, v)
			if v > 0 {
				least = min(least, v)
			}
		}
	}
	if c.log {
		if math.IsInf(least, 1) {
			least, most = 1, 10
		}
		return scale{math.Pow(10, math.Floor(math.Log10(least))), math.Pow(10, math.Max(math.Ceil(math.Log10(most)), math.Floor(math.Log10(least))+1)), true}
	}
	step := niceStep(most / 4)
	return scale{0, step * math.Max(math.Ceil(most/step), 1), false}
}

// niceStep is the first of 1, 2 and 5 times a power of ten that is not below least.
func niceStep(least float64) float64 {
	if least <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, factor := range []float64{1, 2, 5} {
		if factor*power >= least*(1-1e-9) {
			return factor * power
		}
	}
	return 10 * power
}

func (s scale) ticks() (values []float64) {
	if s.log {
		for v := s.low; v <= s.high*1.001; v *= 10 {
			values = append(values, v)
		}
		return values
	}
	step := niceStep(s.high / 5)
	for v := 0.0; v <= s.high*1.001; v += step {
		values = append(values, v)
	}
	return values
}

func (s scale) y(v float64) float64 {
	share := (v - s.low) / (s.high - s.low)
	if s.log {
		share = (math.Log10(math.Max(v, s.low)) - math.Log10(s.low)) / (math.Log10(s.high) - math.Log10(s.low))
	}
	return marginTop + plotHeight*(1-share)
}

// number words a tick.
func number(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%gk", v/1e3)
	}
	return fmt.Sprintf("%.4g", v)
}

// draw gives the SVG of a chart.
func (s *soak) draw(c chart) template.HTML {
	x := func(at time.Duration) float64 { return marginLeft + plotWidth*at.Seconds()/max(s.took.Seconds(), 1e-9) }
	vertical := c.scale(s.points)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, chartWidth, chartHeight, c.Title)
	for _, w := range s.spells {
		fmt.Fprintf(&b, `<rect class="w %s" x="%.1f" y="%d" width="%.1f" height="%d"><title>%s, from %v</title></rect>`,
			w.kind, x(w.from), marginTop, max(x(w.to)-x(w.from), 0.5), plotHeight, w.kind, w.from.Round(time.Second))
	}
	for _, v := range vertical.ticks() {
		fmt.Fprintf(&b, `<path class="grid" d="M%d %.1fH%d"/><text class="y" x="%d" y="%.1f">%s</text>`,
			marginLeft, vertical.y(v), chartWidth-marginRight, marginLeft-8, vertical.y(v)+4, number(v))
	}
	s.drawTime(&b, x)
	for _, l := range c.lines {
		fmt.Fprintf(&b, `<path class="line" stroke="%s" d="%s"/>`, l.color, s.path(l, x, vertical))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// drawTime draws the axis of time and the restarts.
func (s *soak) drawTime(b *strings.Builder, x func(time.Duration) float64) {
	step := timeStep(s.took)
	for at := time.Duration(0); at <= s.took; at += step {
		fmt.Fprintf(b, `<text class="x" x="%.1f" y="%d">%s</text>`, x(at), chartHeight-8, clock(at))
	}
	for _, at := range s.starts {
		fmt.Fprintf(b, `<path class="start" d="M%.1f %dV%d"><title>the hub starts</title></path>`, x(at), marginTop, marginTop+plotHeight)
	}
}

// path draws a line for each lap: between two of them there is no hub.
func (s *soak) path(l line, x func(time.Duration) float64, vertical scale) string {
	var b strings.Builder
	lap := -1
	for _, p := range s.points {
		if vertical.log && l.value(p) <= 0 {
			continue
		}
		move := 'L'
		if p.lap != lap {
			lap, move = p.lap, 'M'
		}
		fmt.Fprintf(&b, "%c%.1f %.1f", move, x(p.at), vertical.y(l.value(p)))
	}
	return b.String()
}

// timeStep is the time between two labels: at most ten fit.
func timeStep(whole time.Duration) time.Duration {
	for _, step := range []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
		10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour,
	} {
		if whole/step <= 10 {
			return step
		}
	}
	return 24 * time.Hour
}

// clock words a time since the beginning as in 1:05:00.
func clock(at time.Duration) string {
	seconds := int(at.Seconds())
	if seconds >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	}
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}
