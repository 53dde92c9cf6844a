//go:build linux

package main

import (
	"bytes"
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	plotWidth  = 12 * vg.Centimeter
	plotHeight = 6 * vg.Centimeter
	barWidth   = 14
)

var (
	hubColor  = color.RGBA{R: 0x1f, G: 0x6f, B: 0xeb, A: 0xff}
	peerColor = color.RGBA{R: 0xb4, G: 0xbd, B: 0xcc, A: 0xff}
)

// bar is one server in a plot.
type bar struct {
	server string
	spread spread
}

// plotBars draws an SVG that a page can hold.
func plotBars(bars []bar) (string, error) {
	p := plot.New()
	p.X.Min = 0
	names := make([]string, len(bars))
	for i, b := range bars {
		position := float64(len(bars) - 1 - i)
		names[len(bars)-1-i] = b.server
		if err := addBar(p, b, position); err != nil {
			return "", fmt.Errorf("plot %s: %w", b.server, err)
		}
	}
	p.NominalY(names...)
	p.X.Tick.Marker = shortTicks{}
	canvas := vgsvg.New(plotWidth, plotHeight)
	p.Draw(draw.New(canvas))
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return "", fmt.Errorf("draw: %w", err)
	}
	return inline(out.Bytes()), nil
}

func addBar(p *plot.Plot, b bar, position float64) error {
	chart, err := plotter.NewBarChart(plotter.Values{b.spread.median}, vg.Points(barWidth))
	if err != nil {
		return err
	}
	chart.Horizontal, chart.XMin, chart.LineStyle.Width = true, position, 0
	chart.Color = peerColor
	if b.server == "hub" {
		chart.Color = hubColor
	}
	whisker, err := plotter.NewXErrorBars(struct {
		plotter.XYs
		plotter.XErrors
	}{
		plotter.XYs{{X: b.spread.median, Y: position}},
		plotter.XErrors{{Low: b.spread.median - b.spread.low, High: b.spread.high - b.spread.median}},
	})
	if err != nil {
		return err
	}
	p.Add(chart, whisker)
	return nil
}

// inline leaves out what comes before the svg element, which a page doesn't take.
func inline(svg []byte) string {
	if at := bytes.Index(svg, []byte("<svg")); at > 0 {
		svg = svg[at:]
	}
	return string(svg)
}

// shortTicks labels the axis as the tables do.
type shortTicks struct{}

// Ticks implements plot.Ticker.
func (shortTicks) Ticks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label = figure(ticks[i].Value)
		}
		if ticks[i].Value == 0 {
			ticks[i].Label = "0"
		}
	}
	return ticks
}
