// Package plot draws figures for pages: SVG within the page, for light and for dark ones.
package plot

import (
	"bytes"
	"fmt"
	"html/template"

	"github.com/go-analyze/charts"
)

// Plot is lines, or bars, over a common axis.
type Plot struct {
	// Title says what is drawn, with its unit, and Note more about it.
	Title, Note string
	// Across has a label for each value.
	Across []string
	// Bars has bars drawn in place of lines.
	Bars bool
	// Lines are the values.
	Lines []Line
}

// Line is the values of one line, or of bars.
type Line struct {
	// Name is empty if there is only one.
	Name string
	// Values has one for each label of the axis.
	Values []float64
}

// Style is what a page with figures needs in its style sheet.
const Style template.CSS = `
figure { margin: 1.5rem 0; } figure svg { width: 100%; height: auto; } figcaption { font-weight: 600; } figcaption small { display: block; font-weight: 400; }
.dark { display: none; } @media (prefers-color-scheme: dark) { .light { display: none; } .dark { display: block; } }
`

// The size of a drawing, which pages scale.
const (
	width  = 720
	height = 280
)

// Figure returns the plot as a figure of HTML. A plot without values is one that says so.
func (p Plot) Figure() (template.HTML, error) {
	var figure bytes.Buffer
	fmt.Fprintf(&figure, "<figure><figcaption>%s<small>%s</small></figcaption>", template.HTMLEscapeString(p.Title), template.HTMLEscapeString(p.Note))
	if p.isEmpty() {
		figure.WriteString("nothing to draw</figure>")
		return template.HTML(figure.String()), nil
	}
	for class, theme := range map[string]string{"light": charts.ThemeVividLight, "dark": charts.ThemeVividDark} {
		svg, err := p.draw(theme)
		if err != nil {
			return "", fmt.Errorf("draw %q: %w", p.Title, err)
		}
		fmt.Fprintf(&figure, `<div class="%s">%s</div>`, class, svg)
	}
	figure.WriteString("</figure>")
	return template.HTML(figure.String()), nil
}

func (p Plot) isEmpty() bool {
	for _, line := range p.Lines {
		if len(line.Values) > 0 {
			return false
		}
	}
	return true
}

// draw returns the plot as SVG.
func (p Plot) draw(theme string) ([]byte, error) {
	render := charts.LineRender
	if p.Bars {
		render = charts.BarRender
	}
	var names []string
	var values [][]float64
	for _, line := range p.Lines {
		if line.Name != "" {
			names = append(names, line.Name)
		}
		values = append(values, line.Values)
	}
	painter, err := render(values,
		charts.SVGOutputOptionFunc(), charts.ThemeNameOptionFunc(theme), charts.DimensionsOptionFunc(width, height),
		charts.XAxisLabelsOptionFunc(p.Across), charts.LegendLabelsOptionFunc(names),
		charts.YAxisOptionFunc(charts.YAxisOption{Min: charts.Ptr(0.0)}))
	if err != nil {
		return nil, err
	}
	return painter.Bytes()
}
