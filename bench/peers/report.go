//go:build linux

package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// report is what both RESULTS.md and results.html show.
type report struct {
	Date, Machine string
	Commands      []string
	Servers       []reportServer
	Rows          []reportRow
	Notes         []reportNote
}

type reportServer struct {
	Name, Version string
}

type reportRow struct {
	Title, Unit, Target, Met, Ratio string
	Better                          string
	Cells                           []string
	Runs                            int
	Plot                            template.HTML
}

type reportNote struct {
	Where string
	Text  string
}

func (c comparison) write(all findings) error {
	if len(all) == 0 {
		return fmt.Errorf("%s holds no finding", c.data)
	}
	made, err := makeReport(all)
	if err != nil {
		return err
	}
	page, err := made.page()
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"RESULTS.md": made.markdown(), "results.html": page} {
		path := filepath.Join(c.out, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return fmt.Errorf("write the results: %w", err)
		}
		fmt.Fprintln(os.Stderr, "wrote", path)
	}
	fmt.Println(string(made.markdown()))
	return nil
}

func makeReport(all findings) (report, error) {
	byTime := func(a, b finding) int { return a.At.Compare(b.At) }
	first, last := slices.MinFunc(all, byTime).At, slices.MaxFunc(all, byTime).At
	made := report{
		Date:    fmt.Sprintf("%s to %s", first.UTC().Format("2006-01-02 15:04"), last.UTC().Format("15:04 MST")),
		Machine: describeMachine(), Commands: all.commands(),
	}
	servers := all.servers()
	for _, server := range servers {
		made.Servers = append(made.Servers, reportServer{server, all.version(server)})
	}
	for _, r := range rows {
		name, measured := r.name(all)
		if !measured {
			continue
		}
		line, err := r.report(all, name, servers)
		if err != nil {
			return report{}, err
		}
		made.Rows = append(made.Rows, line)
	}
	made.Notes = notes(all)
	return made, nil
}

func (r row) report(all findings, name string, servers []string) (reportRow, error) {
	hub, hasHub := all.spread("hub", name, r.metric)
	bun, hasBun := all.spread("bun", name, r.metric)
	judged := r.judge(hub, bun, hasHub, hasBun)
	line := reportRow{Title: r.title, Unit: r.unit, Target: judged.target, Met: judged.met, Runs: hub.runs, Better: "less is better"}
	if r.more {
		line.Better = "more is better"
	}
	if judged.ratio > 0 {
		line.Ratio = fmt.Sprintf("%.2f", judged.ratio)
	}
	var bars []bar
	for _, server := range servers {
		cell := "-"
		if s, found := all.spread(server, name, r.metric); found {
			cell = figure(s.median)
			bars = append(bars, bar{server, s})
		}
		line.Cells = append(line.Cells, cell)
	}
	if len(bars) == 0 {
		return line, nil
	}
	drawn, err := plotBars(bars)
	line.Plot = template.HTML(drawn)
	return line, err
}

// notes gathers what the runs had to say, each thing once.
func notes(all findings) (gathered []reportNote) {
	for _, f := range all {
		texts := f.Notes
		if f.Error != "" {
			texts = append(slices.Clone(texts), "failed: "+f.Error)
		}
		for _, text := range texts {
			note := reportNote{f.Server + ", " + f.Name, strings.ReplaceAll(text, "\n", " ")}
			if !slices.Contains(gathered, note) {
				gathered = append(gathered, note)
			}
		}
	}
	return gathered
}

func (r report) markdown() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Results\n\n%s. %s.\nServers on their own cores, client processes on the others; medians; the servers of one command in turns, in the same minutes.\n\n", r.Date, r.Machine)
	for _, command := range r.Commands {
		fmt.Fprintf(&out, "    %s\n", command)
	}
	fmt.Fprint(&out, "\nPlots with the spread of the runs: results.html.\n\n")
	fmt.Fprint(&out, "| workload | unit | hub / bun | target | met |")
	for _, server := range r.Servers {
		fmt.Fprintf(&out, " %s |", server.Name)
	}
	fmt.Fprintf(&out, "\n|%s\n", strings.Repeat("---|", 5+len(r.Servers)))
	for _, line := range r.Rows {
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s |\n", line.Title, line.Unit, line.Ratio, line.Target, line.Met, strings.Join(line.Cells, " | "))
	}
	fmt.Fprint(&out, "\n## Versions\n\n")
	for _, server := range r.Servers {
		fmt.Fprintf(&out, "- %s: %s\n", server.Name, server.Version)
	}
	if len(r.Notes) > 0 {
		fmt.Fprint(&out, "\n## Notes of the runs\n\n")
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&out, "- %s: %s\n", note.Where, note.Text)
	}
	return out.Bytes()
}

//go:embed page.html
var pageSource string

func (r report) page() ([]byte, error) {
	page, err := template.New("page").Parse(pageSource)
	if err != nil {
		return nil, fmt.Errorf("read the page's template: %w", err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, r); err != nil {
		return nil, fmt.Errorf("fill the page: %w", err)
	}
	return out.Bytes(), nil
}
