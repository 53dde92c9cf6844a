//go:build linux

package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	texttemplate "text/template"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/spokehub/spokehub/bench/load"
	"github.com/spokehub/spokehub/bench/swarm"
)

// report is what both the table and the page show. Servers have their versions, notes what they are about.
type report struct {
	Date, Machine            string
	Commands, Servers, Notes []string
	Tables                   []reportTable
}

// reportTable has the servers that can be compared: those without TLS, or those with it.
type reportTable struct {
	Title   string
	Columns []string
	Rows    []reportRow
}

// reportRow has a cell for each column, and a bar for each server.
type reportRow struct {
	Cells []string
	Bars  []bar
}

// bar is one server's median and the range of its runs, in percent of the largest.
type bar struct {
	Server, Figure   string
	Width, Low, High float64
}

//go:embed results.md.tmpl
var tableSource string

//go:embed page.html
var pageSource string

// write prints the table, and writes it and the page where the flags say.
func (c comparison) write(all findings) error {
	if len(all) == 0 {
		return fmt.Errorf("%s holds no finding", c.data)
	}
	table, page, err := makeReport(all).render()
	if err != nil {
		return fmt.Errorf("make the report: %w", err)
	}
	fmt.Print(string(table))
	if c.out != "" {
		err = os.WriteFile(filepath.Join(c.out, "RESULTS.md"), table, 0o644)
	}
	if c.html != "" {
		err = errors.Join(err, os.WriteFile(c.html, page, 0o644))
	}
	return err
}

func (r report) render() (table, page []byte, err error) {
	var markdown, html bytes.Buffer
	tables := texttemplate.Must(texttemplate.New("table").Funcs(texttemplate.FuncMap{"join": strings.Join}).Parse(tableSource))
	pages := template.Must(template.New("page").Parse(pageSource))
	err = errors.Join(tables.Execute(&markdown, r), pages.Execute(&html, r))
	return markdown.Bytes(), html.Bytes(), err
}

func makeReport(all findings) report {
	byTime := func(a, b finding) int { return a.At.Compare(b.At) }
	first, last := slices.MinFunc(all, byTime).At, slices.MaxFunc(all, byTime).At
	servers := all.servers()
	made := report{
		Date:    fmt.Sprintf("%s to %s", first.UTC().Format("2006-01-02 15:04"), last.UTC().Format("15:04 MST")),
		Machine: describeMachine(), Commands: all.distinct(func(f finding) string { return f.Command }), Notes: notes(all),
	}
	versions := map[string]string{}
	for _, f := range all {
		versions[f.Server] = f.Version
	}
	for _, server := range servers {
		made.Servers = append(made.Servers, server+": "+versions[server])
	}
	secured := slices.DeleteFunc(slices.Clone(servers), func(name string) bool { return !isSecure(name) })
	plain := slices.DeleteFunc(slices.Clone(servers), func(name string) bool { return isSecure(name) || hasPolicies(name) })
	tables := []comparedServers{{"Without TLS", "", plain, rows}, {"Over TLS", load.SecureSuffix, secured, secureRows}}
	if slices.ContainsFunc(servers, hasPolicies) {
		streaming := slices.DeleteFunc(slices.Clone(servers), func(name string) bool { return name != "hub" && !hasPolicies(name) })
		tables = append(tables, comparedServers{"Streams", "", streaming, streamRows})
	}
	for _, c := range tables {
		if len(c.servers) > 0 {
			made.Tables = append(made.Tables, c.table(all))
		}
	}
	return made
}

// describeMachine is what a reader must know of the machine to place the figures.
func describeMachine() string {
	parts := []string{fmt.Sprintf("%d cores", runtime.NumCPU())}
	if proc, err := procfs.NewDefaultFS(); err == nil {
		if cpus, err := proc.CPUInfo(); err == nil && len(cpus) > 0 {
			parts = append([]string{cpus[0].ModelName}, parts...)
		}
		if memory, err := proc.Meminfo(); err == nil && memory.MemTotalBytes != nil {
			parts = append(parts, fmt.Sprintf("%d GiB", *memory.MemTotalBytes>>30))
		}
	}
	var system unix.Utsname
	if unix.Uname(&system) == nil {
		parts = append(parts, "Linux "+unix.ByteSliceToString(system.Release[:]))
	}
	if limit, err := swarm.RaiseFileLimit(); err == nil {
		parts = append(parts, fmt.Sprintf("%d files a process", limit))
	}
	return strings.Join(append(parts, runtime.Version(), "loopback"), ", ")
}

func hasPolicies(name string) bool { return slices.Contains(load.PolicyNames, name) }

func isSecure(name string) bool {
	_, secure := load.IsSecure(name)
	return secure
}

// comparedServers are those of one table. All their names end with suffix.
type comparedServers struct {
	title, suffix string
	servers       []string
	rows          []row
}

func (c comparedServers) table(all findings) reportTable {
	made := reportTable{Title: c.title, Columns: []string{"workload", "unit", "hub / peer", "target", "met"}}
	if slices.ContainsFunc(c.servers, hasPolicies) {
		made.Columns[2] = "ratio"
	}
	if c.has(baseline) {
		made.Columns = append(made.Columns, "hub / baseline")
	}
	if c.has(load.HubIdentity) {
		made.Columns = append(made.Columns, load.HubIdentity+" / hub")
	}
	made.Columns = append(made.Columns, c.servers...)
	for _, r := range c.rows {
		if name, measured := r.name(all.of(c.servers)); measured {
			made.Rows = append(made.Rows, c.row(all, r, name))
		}
	}
	return made
}

func (c comparedServers) has(plain string) bool { return slices.Contains(c.servers, plain+c.suffix) }

func (c comparedServers) row(all findings, r row, name string) reportRow {
	of := func(plain string) spread { return all.spread(plain+c.suffix, name, r.metric) }
	hub := of("hub")
	ratio, target, met := r.judge(of(r.judged()), of(r.against()))
	line := reportRow{Cells: []string{r.title, r.unit, ratioCell(ratio), target, met}}
	if c.has(baseline) {
		line.Cells = append(line.Cells, r.compared(hub, of(baseline)))
	}
	if c.has(load.HubIdentity) {
		line.Cells = append(line.Cells, r.compared(of(load.HubIdentity), hub))
	}
	top := 0.0
	for _, server := range c.servers {
		s := all.spread(server, name, r.metric)
		if s.runs == 0 {
			line.Cells = append(line.Cells, "-")
			continue
		}
		top = max(top, s.high)
		line.Cells = append(line.Cells, figure(s.median))
		line.Bars = append(line.Bars, bar{server, figure(s.median), s.median, s.low, s.high})
	}
	for i := range line.Bars {
		b := &line.Bars[i]
		b.Width, b.Low, b.High = 100*b.Width/top, 100*b.Low/top, 100*b.High/top
	}
	return line
}

// compared is the cell of a ratio between two hubs, which says where the first is worse.
func (g goal) compared(hub, other spread) string {
	ratio, worse := g.regression(hub, other)
	if worse && hub.runs > 0 {
		return "**" + ratioCell(ratio) + " worse**"
	}
	return ratioCell(ratio)
}

func ratioCell(ratio float64) string {
	if ratio == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", ratio)
}

// notes gathers those of the runs, each once.
func notes(all findings) (gathered []string) {
	for _, f := range all {
		texts := f.Notes
		if f.Error != "" {
			texts = append(slices.Clone(texts), "failed: "+f.Error)
		}
		for _, text := range texts {
			note := fmt.Sprintf("%s, %s: %s", f.Server, f.Name, strings.ReplaceAll(text, "\n", " "))
			if !slices.Contains(gathered, note) {
				gathered = append(gathered, note)
			}
		}
	}
	return gathered
}
