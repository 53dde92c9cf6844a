package loadtest

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"github.com/go-analyze/charts"
)

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// WritePage writes a page with the figures and plots of a result: one file without anything outside of it.
func WritePage(w io.Writer, r *Result) error {
	var plots []plot
	for _, p := range plotsOf(r) {
		for _, theme := range []string{charts.ThemeVividLight, charts.ThemeVividDark} {
			svg, err := p.draw(theme)
			if err != nil {
				return fmt.Errorf("draw %q: %w", p.Title, err)
			}
			p.Drawings = append(p.Drawings, svg)
		}
		plots = append(plots, p)
	}
	return pageTemplate.Execute(w, struct {
		Result *Result
		Plots  []plot
	}{r, plots})
}

// plot is lines over a common axis.
type plot struct {
	Title string
	// Across has a label for each value, and Names one for each line.
	Across, Names []string
	Lines         [][]float64
	// Drawings are SVG, for a light and for a dark page.
	Drawings []template.HTML
}

// plotsOf are the plots of a result: the distribution of latencies, and how latencies and deliveries went over time.
func plotsOf(r *Result) []plot {
	distribution := plot{Title: "Latency by percentile, ms", Names: []string{"latency"}, Lines: make([][]float64, 1)}
	for _, p := range r.Percentiles {
		distribution.Across = append(distribution.Across, fmt.Sprintf("%g %%", p.Percent))
		distribution.Lines[0] = append(distribution.Lines[0], p.Latency)
	}
	over := plot{Title: "Latency over time, ms by second", Names: []string{"p50", "p99", "max"}, Lines: make([][]float64, 3)}
	deliveries := plot{Title: "Deliveries by second", Names: []string{"deliveries"}, Lines: make([][]float64, 1)}
	for i, s := range r.Seconds {
		over.Across = append(over.Across, fmt.Sprint(i+1))
		for line, value := range []float64{s.P50, s.P99, s.Max} {
			over.Lines[line] = append(over.Lines[line], value)
		}
		deliveries.Lines[0] = append(deliveries.Lines[0], float64(s.Delivered))
	}
	deliveries.Across = over.Across
	return []plot{distribution, over, deliveries}
}

// draw returns the plot as SVG.
func (p plot) draw(theme string) (template.HTML, error) {
	painter, err := charts.LineRender(p.Lines,
		charts.SVGOutputOptionFunc(), charts.ThemeNameOptionFunc(theme), charts.DimensionsOptionFunc(720, 320),
		charts.TitleTextOptionFunc(p.Title), charts.XAxisLabelsOptionFunc(p.Across), charts.LegendLabelsOptionFunc(p.Names),
		charts.YAxisOptionFunc(charts.YAxisOption{Min: charts.Ptr(0.0)}))
	if err != nil {
		return "", err
	}
	svg, err := painter.Bytes()
	return template.HTML(svg), err
}
