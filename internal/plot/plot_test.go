package plot_test

import (
	"strings"
	"testing"

	"github.com/spokehub/spokehub/internal/plot"
)

func TestAFigureHasADrawingForLightAndForDark(t *testing.T) {
	for name, p := range map[string]plot.Plot{
		"lines": {Title: "a <b>", Across: []string{"1", "2"}, Lines: []plot.Line{{Name: "x", Values: []float64{1, 2}}, {Name: "y", Values: []float64{3, 1}}}},
		"bars":  {Title: "a <b>", Across: []string{"1"}, Bars: true, Lines: []plot.Line{{Values: []float64{0}}}},
	} {
		t.Run(name, func(t *testing.T) {
			figure, err := p.Figure()
			if err != nil || strings.Count(string(figure), "<svg") != 2 || !strings.Contains(string(figure), "a &lt;b&gt;") || strings.Contains(string(figure), "NaN") {
				t.Errorf("got %v and %d bytes, want two drawings and the title, escaped", err, len(figure))
			}
		})
	}
}

func TestAPlotWithoutValuesSaysSo(t *testing.T) {
	figure, err := plot.Plot{Title: "none", Lines: []plot.Line{{Name: "x"}}}.Figure()
	if err != nil || !strings.Contains(string(figure), "nothing to draw") {
		t.Errorf("got %s, %v, want that there is nothing", figure, err)
	}
}
