//go:build linux

package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/bench/load"
)

func cpuFinding(server string, cpu float64, failed bool) finding {
	return finding{
		Server: server, Label: "one-in-flight", Name: "one-in-flight/spokes=1000/topics=1",
		Result: load.Result{Failed: failed, Metrics: []load.Metric{{Name: load.MetricCPU, Value: cpu}}},
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
			if got := findings(c.runs).spread("hub", "one-in-flight/spokes=1000/topics=1", load.MetricCPU); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestAVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		goal     goal
		hub, bun float64
		met      string
	}{
		"is good for less than the share of Bun": {ratio(0.5), 0.4, 1, "yes"},
		"is bad for more than the share":         {ratio(0.5), 0.6, 1, "no"},
		"is good on the mark":                    {ratio(0.5), 0.5, 1, "yes"},
		"is good for more where more is better":  {atLeast(2), 3, 1, "yes"},
		"is bad for less where more is better":   {atLeast(2), 1.9, 1, "no"},
		"is good below an absolute mark":         {atMost(300), 200, 1000, "yes"},
		"is bad above an absolute mark":          {atMost(300), 301, 1000, "no"},
		"isn't given without a target":           {goal{}, 1, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ratio, target, met := c.goal.judge(spread{median: c.hub, runs: 1}, spread{median: c.bun, runs: 1})
			if met != c.met {
				t.Errorf("got %g, %q, met %q, want met %q", ratio, target, met, c.met)
			}
		})
	}
}

func TestFindingsAreStored(t *testing.T) {
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
	made := makeReport(all)
	if rows := made.Tables[0].Rows; len(rows) == 0 || rows[0].Cells[2] != "2.00" || rows[0].Cells[4] != "no" || len(rows[0].Bars) != 3 {
		t.Errorf("got %+v, want a first row that isn't met at 2.00, with three bars", made.Tables[0].Rows)
	}
	_, page, err := made.render()
	if err != nil || !strings.Contains(string(page), "width:50.0%") || !strings.Contains(string(page), "width:100.0%") {
		t.Errorf("got %v and %s, want bars of half and the whole width", err, page)
	}
}

func TestEveryoneBeginsATurn(t *testing.T) {
	targets := []*load.Target{{Name: "hub"}, {Name: "bun"}}
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
	c, _, err := parseFlags([]string{"-render", "-data", "/somewhere/findings", "-out", "/somewhere", "-servers", "hub,bun", "-short", "-duration", "4s"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "cd bench/peers && go run . -duration 4s -servers hub,bun -short"; c.command != want {
		t.Errorf("got %q, want %q", c.command, want)
	}
}

func TestAHubIsComparedWithItsBaseline(t *testing.T) {
	for name, c := range map[string]struct {
		goal        goal
		hub, before float64
		ratio       float64
		worse       bool
	}{
		"and may be as good":                          {goal{}, 2, 2, 1, false},
		"and may be worse by what is tolerated":       {goal{}, 1.03, 1, 1.03, false},
		"and is marked for more":                      {goal{}, 1.04, 1, 1.04, true},
		"and is marked for less where more is better": {more, 0.96, 1, 0.96, true},
		"and isn't for more where more is better":     {more, 2, 1, 2, false},
		"but not without one":                         {goal{}, 2, 0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			ratio, worse := c.goal.regression(spread{median: c.hub}, spread{median: c.before})
			if ratio != c.ratio || worse != c.worse {
				t.Errorf("got %g, worse %v, want %g, %v", ratio, worse, c.ratio, c.worse)
			}
		})
	}
}

func TestTheTableSaysWhatIdentitiesCost(t *testing.T) {
	for name, c := range map[string]struct {
		all  findings
		want string
	}{
		"where they cost too much":   {findings{cpuFinding("hub", 2, false), cpuFinding(load.HubIdentity, 3, false)}, "| **1.50 worse** | 2.00 | 3.00 |"},
		"where they cost little":     {findings{cpuFinding("hub", 2, false), cpuFinding(load.HubIdentity, 2.02, false)}, "| 1.01 | 2.00 | 2.02 |"},
		"where one was not measured": {findings{cpuFinding("hub", 2, false), cpuFinding(load.HubIdentity, 3, true)}, "|  | 2.00 | - |"},
		"beside those of a baseline": {findings{cpuFinding("hub", 2, false), cpuFinding(baseline, 2, false), cpuFinding(load.HubIdentity, 3, false)}, "| 1.00 | **1.50 worse** |"},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := makeReport(c.all).render()
			if err != nil || !strings.Contains(string(got), c.want) {
				t.Errorf("got %s and %v, want %q in it", got, err, c.want)
			}
		})
	}
}

func TestTheTableMarksWhatIsWorseThanTheBaseline(t *testing.T) {
	all := findings{cpuFinding("hub", 3, false), cpuFinding(baseline, 2, false)}
	got, _, err := makeReport(all).render()
	if err != nil || !strings.Contains(string(got), "| **1.50 worse** | 3.00 | 2.00 |") {
		t.Errorf("got %s and %v, want the row marked", got, err)
	}
}

func TestABaselineLeavesTheResultsAlone(t *testing.T) {
	for name, c := range map[string]struct {
		arguments []string
		want      string
	}{
		"unless a place is given": {[]string{"-render", "-baseline", "5a497da", "-out", "here"}, "here"},
		"else":                    {[]string{"-render", "-baseline", "5a497da"}, ""},
		"as it is the peers'":     {[]string{"-render"}, ".."},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _, err := parseFlags(c.arguments); err != nil || got.out != c.want {
				t.Errorf("got %q, %v, want %q", got.out, err, c.want)
			}
		})
	}
}

func TestServersWithTLSHaveATableOfTheirOwn(t *testing.T) {
	all := findings{
		cpuFinding("hub", 1, false), cpuFinding("bun", 4, false), cpuFinding("bun-tls", 2, false), cpuFinding("hub-tls", 3, false),
		cpuFinding("baseline-tls", 2, false),
	}
	got, page, err := makeReport(all).render()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| met | hub | bun |", "| yes | 1.00 | 4.00 |",
		"| met | hub / baseline | hub-tls | baseline-tls | bun-tls |", "| 1.50 | 1.00 of Bun at most | no | **1.50 worse** | 3.00 | 2.00 | 2.00 |",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("got %s, want %q in it", got, want)
		}
	}
	if want := `<h2>Over TLS</h2>`; !strings.Contains(string(page), want) {
		t.Errorf("got %s, want %q in it", page, want)
	}
}

func TestHubsWithPoliciesHaveATableOfTheirOwn(t *testing.T) {
	all := findings{
		cpuFinding("hub", 2, false), cpuFinding("bun", 4, false), cpuFinding(load.HubStreams, 2.2, false), cpuFinding(load.HubPolicies, 2.2, false),
	}
	got, _, err := makeReport(all).render()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| met | hub | bun |", "| ratio | target | met | hub | hub-streams | hub-policies |",
		"| 1.10 | 1.15 of hub at most | yes | 2.00 | 2.20 | 2.20 |", "| 1.10 | 1.03 of hub at most | no | 2.00 | 2.20 | 2.20 |",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("got %s, want %q in it", got, want)
		}
	}
	got, _, err = makeReport(all[:2]).render()
	if err != nil || strings.Contains(string(got), "## Streams") {
		t.Errorf("got %s and %v, want no table of streams without hubs that have any", got, err)
	}
}

func TestBaselinesGoWithTheirHubs(t *testing.T) {
	for name, c := range map[string]struct {
		servers, want []string
	}{
		"without TLS": {[]string{"hub"}, []string{"baseline"}},
		"with it":     {[]string{"hub-tls", "bun-tls"}, []string{"baseline-tls"}},
		"with both":   {[]string{"hub", "hub-tls", "bun"}, []string{"baseline", "baseline-tls"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := baselines(c.servers); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestUnknownNamesAreRefusedWithThoseThereAre(t *testing.T) {
	for name, c := range map[string]struct {
		arguments []string
		refused   bool
		named     []string
	}{
		"but not labels that there are":  {[]string{"-workloads", "saturate,idle"}, false, nil},
		"but not servers that there are": {[]string{"-servers", "hub,hub-identity,bun-tls"}, false, nil},
		"nor nothing":                    {nil, false, nil},
		"when they are labels":           {[]string{"-workloads", "saturate,idel"}, true, load.Labels()},
		"when they are servers":          {[]string{"-servers", "hub,bnu"}, true, known()},
		"when a server has no TLS":       {[]string{"-servers", "nats-tls"}, true, known()},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := parseFlags(append([]string{"-render"}, c.arguments...))
			if got := err != nil; got != c.refused {
				t.Fatalf("got %v, want an error: %v", err, c.refused)
			}
			for _, name := range c.named {
				if !strings.Contains(err.Error(), name) {
					t.Errorf("got %v, want %s in it", err, name)
				}
			}
		})
	}
}
