//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	plotWidth  = 640.0
	plotHeight = 180.0
)

// plot is one drawing of the page: lines, or bars if there is one row of them.
type plot struct {
	Title, Note string
	// Unit is that of the values, Across that of the way from left to right.
	Unit, Across string
	Bars         bool
	Rows         []plotRow
	// From and To are the ends of the way from left to right.
	From, To float64
}

// plotRow is one line of a plot, at even distances unless it has places.
type plotRow struct {
	Name   string
	Values []float64
	Places []float64
}

// Top is the largest value.
func (p plot) Top() float64 {
	top := 0.0
	for _, row := range p.Rows {
		if len(row.Values) > 0 {
			top = max(top, slices.Max(row.Values))
		}
	}
	return top
}

// Points are the corners of a row's line, as SVG has them.
func (p plot) Points(row plotRow) string {
	var points strings.Builder
	for i, value := range row.Values {
		place := p.From + (p.To-p.From)*float64(i)/max(float64(len(row.Values)-1), 1)
		if row.Places != nil {
			place = row.Places[i]
		}
		fmt.Fprintf(&points, "%.1f,%.1f ", plotWidth*(place-p.From)/max(p.To-p.From, 1e-9), plotHeight*(1-value/max(p.Top(), 1e-9)))
	}
	return points.String()
}

// box is a bar in SVG's coordinates.
type box struct{ X, Y, Width, Height float64 }

// Boxes are the bars of the first row.
func (p plot) Boxes() (boxes []box) {
	if len(p.Rows) == 0 {
		return nil
	}
	width := plotWidth / max(float64(len(p.Rows[0].Values)), 1)
	for i, value := range p.Rows[0].Values {
		height := plotHeight * value / max(p.Top(), 1e-9)
		boxes = append(boxes, box{float64(i) * width, plotHeight - height, width * 0.92, height})
	}
	return boxes
}

// plots are those of the page.
func (o outcome) plots() (all []plot) {
	s := o.Series
	end := o.Took.Seconds()
	back, resident := plotRow{Name: "all subscriptions in force"}, map[string]*plotRow{}
	for _, m := range s.Moments {
		back.Values, back.Places = append(back.Values, float64(m.Back)), append(back.Places, m.At.Seconds())
		for name, bytes := range m.Resident {
			if resident[name] == nil {
				resident[name] = &plotRow{Name: name}
			}
			resident[name].Values = append(resident[name].Values, float64(bytes)/1e6)
			resident[name].Places = append(resident[name].Places, m.At.Seconds())
		}
	}
	all = append(all,
		plot{Title: "Clients that have all their subscriptions", Unit: "clients", Across: "s", To: end, Rows: []plotRow{back}},
		plot{Title: "Connects that the proxy accepted", Unit: "a second", Across: "s", To: end, Rows: []plotRow{{Values: floats(s.Accepts)}}},
		plot{Title: "Memory of each process", Unit: "MB resident", Across: "s", To: end, Rows: sorted(resident)},
		plot{Title: "Memory in use in each calm, after a collection", Unit: "MB of heap", Across: "s", To: end, Rows: o.heaps()},
		o.outagePlot(),
	)
	for i, w := range s.Waves {
		if i < 2*len(upheavals) || i >= len(s.Waves)-2*len(upheavals) {
			all = append(all, plot{
				Title: fmt.Sprintf("First connects in %s after: %s", w.Kind, w.What), Note: fmt.Sprintf("%d clients, %s", w.Clients, w.describe()),
				Unit: "clients in 100 ms", Across: "s", Bars: true, To: float64(len(w.Counts)) * bucket.Seconds(), Rows: []plotRow{{Values: floats(w.Counts)}},
			})
		}
	}
	return all
}

// heaps has a row for each process.
func (o outcome) heaps() []plotRow {
	rows := map[string]*plotRow{}
	for _, h := range o.Series.Holdings {
		if rows[h.Process] == nil {
			rows[h.Process] = &plotRow{Name: h.Process}
		}
		rows[h.Process].Values = append(rows[h.Process].Values, float64(h.Heap)/1e6)
		rows[h.Process].Places = append(rows[h.Process].Places, h.After.Seconds())
	}
	return sorted(rows)
}

// outagePlot has a bar for each quarter of a second that outages took; the last has all that took longer.
func (o outcome) outagePlot() plot {
	const width, bars = 250 * time.Millisecond, 80
	var counts [bars]int
	for _, milliseconds := range o.Series.Outages {
		counts[min(int(float64(milliseconds)*1e6/float64(width)), bars-1)]++
	}
	return plot{
		Title: "Time from the end of a line until all subscriptions are in force again", Note: "the last bar has all that took longer",
		Unit: "times", Across: "s", Bars: true, To: bars * width.Seconds(), Rows: []plotRow{{Values: floats(counts[:])}},
	}
}

func floats(counts []int) (values []float64) {
	for _, count := range counts {
		values = append(values, float64(count))
	}
	return values
}

func sorted(rows map[string]*plotRow) (all []plotRow) {
	for _, row := range rows {
		all = append(all, *row)
	}
	slices.SortFunc(all, func(a, b plotRow) int { return strings.Compare(a.Name, b.Name) })
	return all
}
