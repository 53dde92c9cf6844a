//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spokehub/spokehub/internal/plot"
)

// plots are those of the page.
func (o outcome) plots() []plot.Plot {
	s := o.Series
	back, resident := history{Title: "Clients that have all their subscriptions"}, history{Title: "Memory of each process, MB resident"}
	events, answers := history{Title: "Events of streams, so far"}, history{Title: "Answers to who came back to a stream, and events told as gone, so far"}
	for _, m := range s.Moments {
		events.add(m.At, "passed", float64(m.Streams.StreamPassed))
		events.add(m.At, "passed again for who came back", float64(m.Streams.StreamReplayed))
		events.add(m.At, "heard", float64(m.Streams.StreamHeard))
		answers.add(m.At, "resumed", float64(m.Streams.Resumed))
		answers.add(m.At, "with a gap", float64(m.Streams.Gapped))
		answers.add(m.At, "in another epoch", float64(m.Streams.Renewed))
		answers.add(m.At, "events told as gone", float64(m.Streams.Missed))
		back.add(m.At, "", float64(m.Back))
		for name, bytes := range m.Resident {
			resident.add(m.At, name, float64(bytes)/1e6)
		}
	}
	accepts := history{Title: "Connects that the proxy accepted, a second"}
	for i, n := range s.Accepts {
		accepts.add(time.Duration(i)*time.Second, "", float64(n))
	}
	heaps := history{Title: "Memory in use in each calm, MB of heap after a collection"}
	for _, h := range s.Holdings {
		heaps.add(h.After, h.Process, float64(h.Heap)/1e6)
	}
	all := []plot.Plot{back.plot(), accepts.plot(), events.plot(), answers.plot(), resident.plot(), heaps.plot(), o.outagePlot()}
	for i, w := range s.Waves {
		if i < 2*len(upheavals) || i >= len(s.Waves)-2*len(upheavals) {
			all = append(all, bars(fmt.Sprintf("First connects in %s after: %s", w.Kind, w.What),
				fmt.Sprintf("%d clients, %s; clients in %v, by seconds", w.Clients, w.describe(), bucket), w.Counts, bucket))
		}
	}
	return all
}

// outagePlot has a bar for each quarter of a second that outages took; the last has all that took longer.
func (o outcome) outagePlot() plot.Plot {
	const width, most = 250 * time.Millisecond, 80
	counts := make([]int, most)
	for _, milliseconds := range o.Series.Outages {
		counts[min(int(time.Duration(milliseconds*1e6)/width), most-1)]++
	}
	return bars("Time from the end of a line until all subscriptions are in force again", "how often, by seconds; the last bar has all that took longer", counts, width)
}

// bars is a plot with a bar for each count, which stands for so much time.
func bars(title, note string, counts []int, width time.Duration) plot.Plot {
	p := plot.Plot{Title: title, Note: note, Bars: true, Lines: make([]plot.Line, 1)}
	for i, count := range counts {
		p.Across = append(p.Across, fmt.Sprintf("%.3g", (time.Duration(i)*width).Seconds()))
		p.Lines[0].Values = append(p.Lines[0].Values, float64(count))
	}
	return p
}

// history is values by name over the time of a run, as they come.
type history struct {
	Title string
	times []time.Duration
	// values has a value for each of times.
	values map[string][]float64
}

// add adds a value at a time that is not ahead of the last.
func (t *history) add(at time.Duration, name string, value float64) {
	if len(t.times) == 0 || t.times[len(t.times)-1] != at {
		t.times = append(t.times, at)
	}
	if t.values == nil {
		t.values = map[string][]float64{}
	}
	for len(t.values[name]) < len(t.times)-1 {
		t.values[name] = append(t.values[name], valueAt(t.values[name], len(t.values[name]), value))
	}
	t.values[name] = append(t.values[name][:len(t.times)-1], value)
}

// valueAt is the value at a place, or the last before it, or another if there is none.
func valueAt(values []float64, place int, other float64) float64 {
	if len(values) == 0 {
		return other
	}
	return values[min(place, len(values)-1)]
}

// maxPoints is how many points of a line a page shows.
const maxPoints = 240

// plot draws the history, every few values of a long one.
func (t *history) plot() plot.Plot {
	p := plot.Plot{Title: t.Title, Note: "over the run, by seconds"}
	step := max(1, (len(t.times)+maxPoints-1)/maxPoints)
	for i := 0; i < len(t.times); i += step {
		p.Across = append(p.Across, fmt.Sprintf("%.0f", t.times[i].Seconds()))
	}
	for name, values := range t.values {
		line := plot.Line{Name: name}
		for i := 0; i < len(t.times); i += step {
			line.Values = append(line.Values, valueAt(values, i, 0))
		}
		p.Lines = append(p.Lines, line)
	}
	slices.SortFunc(p.Lines, func(a, b plot.Line) int { return strings.Compare(a.Name, b.Name) })
	return p
}
