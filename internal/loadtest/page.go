package loadtest

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"github.com/spokehub/spokehub/internal/plot"
)

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// WritePage writes a page with the figures and plots of a result: one file without anything outside of it.
func WritePage(w io.Writer, r *Result) error {
	return pageTemplate.Execute(w, struct {
		Result *Result
		Style  template.CSS
		Plots  []plot.Plot
	}{r, plot.Style, plotsOf(r)})
}

// plotsOf are the plots of a result: the distribution of latencies, and how latencies and deliveries went over time.
func plotsOf(r *Result) []plot.Plot {
	distribution := plot.Plot{Title: "Latency by percentile, ms", Lines: make([]plot.Line, 1)}
	for _, p := range r.Percentiles {
		distribution.Across = append(distribution.Across, fmt.Sprintf("%g %%", p.Percent))
		distribution.Lines[0].Values = append(distribution.Lines[0].Values, p.Latency)
	}
	over := plot.Plot{Title: "Latency over time, ms by second", Lines: []plot.Line{{Name: "p50"}, {Name: "p99"}, {Name: "max"}}}
	deliveries := plot.Plot{Title: "Deliveries by second", Lines: make([]plot.Line, 1)}
	for i, s := range r.Seconds {
		over.Across = append(over.Across, fmt.Sprint(i+1))
		for line, value := range []float64{s.P50, s.P99, s.Max} {
			over.Lines[line].Values = append(over.Lines[line].Values, value)
		}
		deliveries.Lines[0].Values = append(deliveries.Lines[0].Values, float64(s.Delivered))
	}
	deliveries.Across = over.Across
	return []plot.Plot{distribution, over, deliveries}
}
