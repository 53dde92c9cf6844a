//go:build linux

package main

import (
	"flag"
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
		Report: filepath.Join(t.TempDir(), "soak.html"), Progress: 5 * time.Second,
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
	for _, p := range s.phases {
		seen[p.scenario] = true
	}
	if len(seen) != len(scenarios) {
		t.Errorf("got the scenarios %v, want all %d", seen, len(scenarios))
	}
	wantOneFile(t, o.Report)
}

// wantOneFile wants a page with every chart and no outside assets.
func wantOneFile(t *testing.T, path string) {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(page), "<svg"); got != len(charts) {
		t.Errorf("got %d charts on the page, want %d", got, len(charts))
	}
	for _, outside := range []string{"src=", "href=", "url(", "@import", "NaN", "Inf"} {
		if strings.Contains(string(page), outside) {
			t.Errorf("got %q on the page, want none", outside)
		}
	}
}

func TestProblemsAreOnThePage(t *testing.T) {
	s := &soak{options: options{Report: filepath.Join(t.TempDir(), "soak.html")}, took: time.Second, began: time.Now()}
	s.problem("one event is %s", "missing")
	if err := s.writePage(); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(s.Report)
	if err != nil || !strings.Contains(string(page), "one event is missing") {
		t.Errorf("got %v and a page without the problem, want it there", err)
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

func TestAChartSpansItsValues(t *testing.T) {
	s := &soak{took: 10 * time.Second, points: []point{{at: 0, rss: 50, p99: 0.1}, {at: 5 * time.Second, rss: 200, p99: 10}, {at: 10 * time.Second, round: 1, rss: 0, p99: 1}}}
	for i, want := range map[int]drawing{
		0: {Low: "0", High: "200", Lines: []curve{{Path: "M0.0 75.0L500.0 0.0M1000.0 100.0"}}},
		3: {Low: "0.1", High: "10", Lines: []curve{{Path: "M0.0 100.0L500.0 0.0M1000.0 50.0"}}},
	} {
		got := s.drawings()[i]
		if got.Low != want.Low || got.High != want.High || got.Lines[0].Path != want.Lines[0].Path {
			t.Errorf("%s: got %+v, want %+v", got.Title, got, want)
		}
	}
}
