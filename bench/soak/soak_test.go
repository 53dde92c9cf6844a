//go:build linux

package main

import (
	"encoding/csv"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
)

func TestMain(m *testing.M) {
	swarm.RunIfChild()
	os.Exit(m.Run())
}

var fullFlag = flag.Bool("full", false, "soak for 20 seconds instead of 8, as with CI=true in the environment")

func TestSecondsOfAllScenarios(t *testing.T) {
	duration := 8 * time.Second
	if *fullFlag || os.Getenv("CI") == "true" {
		duration = 20 * time.Second
	}
	o := options{
		Duration: duration, Rounds: 2, Listen: "127.0.0.1:0", Spokes: 200, Rate: 50, Victims: 100, Churn: 200, Seed: 1,
		Report: filepath.Join(t.TempDir(), "soak.txt"), Data: filepath.Join(t.TempDir(), "soak.csv"), Progress: 5 * time.Second,
	}
	s, err := run(t.Context(), o, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range s.problems {
		t.Error(problem)
	}
	if s.totals.Checked == 0 || s.totals.Kills == 0 || len(s.points) == 0 || s.totals.Drained != 2*(200+20+1) {
		t.Errorf("got totals %+v and %d readings, want events, kills, readings and %d drained", s.totals, len(s.points), 2*(200+20+1))
	}
	seen := map[string]bool{}
	for _, p := range s.points {
		seen[p.scenario] = true
	}
	for _, c := range scenarios {
		if !seen[c.Name] {
			t.Errorf("got no reading during %s, want one of every scenario", c.Name)
		}
	}
	wantReadings(t, o.Data, len(s.points))
}

// wantReadings wants a line for each reading, without holes.
func wantReadings(t *testing.T, path string, readings int) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil || len(lines) != readings+1 {
		t.Fatalf("got %d lines and %v, want a head and %d readings", len(lines), err, readings)
	}
	if all := fmt.Sprint(lines); strings.Contains(all, "NaN") || strings.Contains(all, "Inf") {
		t.Errorf("got %s, want figures", all)
	}
}

func TestProblemsAreInTheReport(t *testing.T) {
	s := &soak{options: options{Report: filepath.Join(t.TempDir(), "soak.txt")}, took: time.Second, began: time.Now()}
	s.problem("one event is %s", "missing")
	if err := s.writeFiles(); err != nil {
		t.Fatal(err)
	}
	report, err := os.ReadFile(s.Report)
	if err != nil || !strings.Contains(string(report), "one event is missing") {
		t.Errorf("got %v and %s, want the problem", err, report)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := options{Duration: time.Minute, Rounds: 1, Spokes: 1, Victims: 1, Rate: 1, Churn: 1, Progress: time.Second}
	for name, c := range map[string]struct {
		change func(*options)
		bad    bool
	}{
		"and may be good":             {func(*options) {}, false},
		"for a duration":              {func(o *options) { o.Duration = 0 }, true},
		"for a round":                 {func(o *options) { o.Rounds = 0 }, true},
		"for a rate":                  {func(o *options) { o.Rate = 0 }, true},
		"for a pause between reports": {func(o *options) { o.Progress = 0 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			c.change(&o)
			if err := o.check(); (err != nil) != c.bad {
				t.Errorf("got %v, want an error: %v", err, c.bad)
			}
		})
	}
}

func TestAFigureSpansItsReadings(t *testing.T) {
	s := &soak{findings: findings{points: []point{
		{scenario: "calm", values: []float64{200}}, {scenario: "churn", values: []float64{9}}, {scenario: "calm", values: []float64{0.5}},
		{scenario: "calm", values: []float64{50}},
	}}}
	for scenario, want := range map[string]string{"calm": "0.5/50/200", "churn": "9/9/9", "flood": "-"} {
		if got := s.spread(scenario, 0); got != want {
			t.Errorf("%s: got %s, want %s", scenario, got, want)
		}
	}
}
