//go:build linux

package main

import (
	"math"
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

func TestTwentySecondsOfAllWeathers(t *testing.T) {
	o := options{
		Duration: 20 * time.Second, Laps: 2, Listen: "127.0.0.1:0", Spokes: 200, Rate: 50, Victims: 100, Churn: 200, Seed: 1,
		Report: filepath.Join(t.TempDir(), "soak.html"), Progress: 5 * time.Second,
	}
	s, err := run(t.Context(), o, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range s.wrong {
		t.Error(wrong)
	}
	if s.totals.Checked == 0 || s.totals.Kills == 0 || len(s.points) == 0 || s.totals.Drained != 2*(200+20+1) {
		t.Errorf("got totals %+v and %d readings, want events, kills, readings and %d drained", s.totals, len(s.points), 2*(200+20+1))
	}
	seen := map[string]bool{}
	for _, w := range s.spells {
		seen[w.kind] = true
	}
	if len(seen) != len(kinds) {
		t.Errorf("got the weathers %v, want all %d", seen, len(kinds))
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

func TestWhatIsWrongIsOnThePage(t *testing.T) {
	s := &soak{options: options{Report: filepath.Join(t.TempDir(), "soak.html")}, took: time.Second, began: time.Now()}
	s.complain("one event is %s", "missing")
	if err := s.writePage(); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(s.Report)
	if err != nil || !strings.Contains(string(page), "one event is missing") {
		t.Errorf("got %v and a page without the complaint, want it there", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := options{Duration: time.Minute, Laps: 1, Spokes: 1, Victims: 1, Rate: 1, Churn: 1, Progress: time.Second}
	for name, c := range map[string]struct {
		change func(*options)
		bad    bool
	}{
		"and may be good":             {func(*options) {}, false},
		"for a duration":              {func(o *options) { o.Duration = 0 }, true},
		"for a lap":                   {func(o *options) { o.Laps = 0 }, true},
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

func TestANiceStepIsNotBelowTheLeast(t *testing.T) {
	for least, want := range map[float64]float64{0: 1, 1: 1, 1.1: 2, 3: 5, 7: 10, 0.03: 0.05, 12000: 20000} {
		if got := niceStep(least); math.Abs(got-want) > want/1e6 {
			t.Errorf("got %g for %g, want %g", got, least, want)
		}
	}
}

func TestTimesAreWordedByTheirLength(t *testing.T) {
	for at, want := range map[time.Duration]string{0: "0:00", 65 * time.Second: "1:05", time.Hour + 5*time.Second: "1:00:05"} {
		if got := clock(at); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
