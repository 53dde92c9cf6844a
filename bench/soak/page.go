//go:build linux

package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"os"
	"time"
)

//go:embed page.html
var pageSource string

// tile is one of the figures on top of the page.
type tile struct {
	Figure, Label string
	Bad           bool
}

// drawn is a chart with its picture.
type drawn struct {
	chart
	SVG template.HTML
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
	content := struct {
		Began, Took  string
		Tiles        []tile
		Wrong, Kinds []string
		Charts       []drawn
	}{Began: s.began.Format("2006-01-02 15:04 MST"), Took: s.took.Round(time.Second).String(), Tiles: s.tiles(), Wrong: s.wrong}
	for _, k := range kinds {
		content.Kinds = append(content.Kinds, k.name)
	}
	for _, c := range charts {
		content.Charts = append(content.Charts, drawn{c, s.draw(c)})
	}
	if err := page.Execute(file, content); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return file.Close()
}

func (s *soak) tiles() []tile {
	t := s.totals
	whole := func(n uint64) string { return grouped(n) }
	return []tile{
		{whole(t.Checked), "events checked", false},
		{whole(t.Faults.Lost), "lost", t.Faults.Lost > 0},
		{whole(t.Faults.Doubled), "doubled", t.Faults.Doubled > 0},
		{whole(t.Faults.Reordered), "out of order", t.Faults.Reordered > 0},
		{whole(t.Deliveries), "deliveries in the ledger", false},
		{whole(t.Dropped), "of them dropped, by reason", false},
		{whole(t.Accepted), "connections accepted", false},
		{whole(t.Kills), "killed on purpose", false},
		{whole(uint64(t.Drained)), "drained with 1012", false},
		{whole(uint64(len(s.starts))), "laps", false},
	}
}

// grouped writes a number with thin spaces between thousands.
func grouped(n uint64) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "\u2009" + digits[at:]
	}
	return digits
}
