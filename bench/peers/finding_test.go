//go:build linux

package main

import (
	"path/filepath"
	"testing"

	"github.com/spokehub/spokehub/bench/load"
)

func cpuFinding(server string, cpu float64, failed bool) finding {
	return finding{
		Server: server, Label: "one-in-flight", Name: "one-in-flight/spokes=1000", Failed: failed,
		Metrics: []load.Metric{{Name: load.MetricCPU, Value: cpu}},
	}
}

func TestASpreadHasTheMedianOfGoodRuns(t *testing.T) {
	for name, c := range map[string]struct {
		runs []finding
		want spread
	}{
		"of three":                {[]finding{cpuFinding("hub", 3, false), cpuFinding("hub", 1, false), cpuFinding("hub", 9, false)}, spread{1, 3, 9, 3}},
		"of two":                  {[]finding{cpuFinding("hub", 4, false), cpuFinding("hub", 2, false)}, spread{2, 3, 4, 2}},
		"without those that fail": {[]finding{cpuFinding("hub", 4, false), cpuFinding("hub", 100, true)}, spread{4, 4, 4, 1}},
		"without other servers":   {[]finding{cpuFinding("hub", 4, false), cpuFinding("bun", 100, false)}, spread{4, 4, 4, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			got, found := findings(c.runs).spread("hub", "one-in-flight/spokes=1000", load.MetricCPU)
			if !found || got != c.want {
				t.Errorf("got %+v, %v, want %+v", got, found, c.want)
			}
		})
	}
}

func TestAVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		row      row
		hub, bun float64
		met      string
	}{
		"is good for less than the share of Bun": {row{ratio: 0.5}, 0.4, 1, "yes"},
		"is bad for more than the share":         {row{ratio: 0.5}, 0.6, 1, "no"},
		"is good on the mark":                    {row{ratio: 0.5}, 0.5, 1, "yes"},
		"is good for more where more is better":  {row{ratio: 2, more: true}, 3, 1, "yes"},
		"is bad for less where more is better":   {row{ratio: 2, more: true}, 1.9, 1, "no"},
		"is good below an absolute mark":         {row{absolute: 300}, 200, 1000, "yes"},
		"is bad above an absolute mark":          {row{absolute: 300}, 301, 1000, "no"},
		"isn't given without a target":           {row{}, 1, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.row.judge(spread{median: c.hub}, spread{median: c.bun}, true, true)
			if got.met != c.met {
				t.Errorf("got %+v, want met %q", got, c.met)
			}
		})
	}
}

func TestFindingsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "findings.jsonl")
	for _, f := range []finding{cpuFinding("bun", 1, false), cpuFinding("gws", 1, false), cpuFinding("hub", 2, false)} {
		if err := appendFinding(path, f); err != nil {
			t.Fatal(err)
		}
	}
	all, err := loadFindings(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := all.servers(); len(got) != 3 || got[0] != "hub" || got[1] != "bun" {
		t.Errorf("got %v, want the hub first and Bun second", got)
	}
	made, err := makeReport(all)
	if err != nil {
		t.Fatal(err)
	}
	if len(made.Rows) != 1 || made.Rows[0].Met != "no" || made.Rows[0].Ratio != "2.00" || made.Rows[0].Plot == "" {
		t.Errorf("got %+v, want one row that isn't met at 2.00, with a plot", made.Rows)
	}
	if _, err := made.page(); err != nil {
		t.Error(err)
	}
}

func TestEveryoneBeginsATurn(t *testing.T) {
	targets := []load.Target{&load.Hub{}, &load.Bun{}}
	if got := inTurn(targets, 1); got[0] != targets[1] || got[1] != targets[0] {
		t.Errorf("got %v, want Bun first in the second run", got)
	}
}

func TestFigures(t *testing.T) {
	for want, v := range map[string]float64{"0.131": 0.1314, "4.70": 4.7, "25.5": 25.5, "218": 218.2, "1676": 1676, "34 k": 34_280, "10.17 M": 10_170_000} {
		if got := figure(v); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTheCommandInTheReportNamesNoPlaces(t *testing.T) {
	c, err := parseFlags([]string{"-render", "-data", "/somewhere/findings", "-out", "/somewhere", "-servers", "hub,bun", "-duration", "4s"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "cd bench/peers && go run . -duration 4s -servers hub,bun"; c.command != want {
		t.Errorf("got %q, want %q", c.command, want)
	}
}
