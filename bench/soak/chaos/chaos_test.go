//go:build linux

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/internal/jsbuild"
)

func TestMain(m *testing.M) {
	runIfCrew()
	os.Exit(m.Run())
}

// short is a run of a few clients.
func short(t *testing.T) options {
	directory := t.TempDir()
	return options{
		Duration: 5 * time.Second, Round: 1500 * time.Millisecond, Clients: 20, Seed: 1, Rate: 5,
		Longest: 2 * time.Second, MaxDelay: time.Second, Patience: time.Second,
		Page: filepath.Join(directory, "chaos.html"), Data: filepath.Join(directory, "chaos.json"),
	}
}

// TestClientsGetOverChaos runs a few clients for some seconds, and with CI=true 500 for a minute, half of them in Node; FOREIGN=skip leaves
// the minute and Node out.
func TestClientsGetOverChaos(t *testing.T) {
	o := short(t)
	if os.Getenv("FOREIGN") == "skip" {
		t.Log("the clients in Node are left out: FOREIGN=skip")
	} else if os.Getenv("CI") == "true" {
		o.Duration, o.Round, o.Clients = time.Minute, 12*time.Second, 500
		o.Longest, o.MaxDelay, o.Patience = 10*time.Second, 5*time.Second, 3*time.Second
		if raceEnabled {
			o.Duration, o.Round, o.Clients = 20*time.Second, 4*time.Second, 100
		}
		o.Nodes = o.Clients / 2
	} else if source, err := clientSource(); err == nil && jsbuild.IsBuilt(source) {
		o.Nodes = o.Clients / 2
	} else {
		t.Logf("the clients in Node are left out: run npm ci && npm run build in %s (%v)", source, err)
	}
	found, err := run(t.Context(), o, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	found.print(t.Output())
	for _, problem := range found.Problems {
		t.Error(problem)
	}
	if c := found.Counts; c.Lines <= o.Clients || c.Back <= o.Clients || c.Heard == 0 || c.Said == 0 || len(found.Series.Waves) < len(upheavals) {
		t.Errorf("got %+v and %d waves, want reconnects, events both ways, and %d waves or more", c, len(found.Series.Waves), len(upheavals))
	}
	if c := found.Counts; c.StreamHeard == 0 || c.StreamReplayed == 0 || c.Resumed == 0 || c.Gapped == 0 || c.Gaps == 0 || c.UnknownGaps == 0 {
		t.Errorf("got %+v, want streams that clients resume, with gaps and without, and in other epochs", c.streamTallies)
	}
	wantReport(t, o, found)
}

// wantReport wants a page with plots and figures that can be read.
func wantReport(t *testing.T, o options, found outcome) {
	t.Helper()
	if err := found.write(o.Page, o.Data); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(o.Page)
	if err != nil || strings.Count(string(page), "<figure") != len(found.plots()) || !strings.Contains(string(page), "gaps that clients were told of") || strings.Contains(string(page), "NaN") {
		t.Errorf("got %v and %d plots without holes, want %d", err, strings.Count(string(page), "<figure"), len(found.plots()))
	}
	data, err := os.ReadFile(o.Data)
	var read outcome
	if err == nil {
		err = json.Unmarshal(data, &read)
	}
	if err != nil || read.Counts.Heard != found.Counts.Heard || len(read.Problems) != len(found.Problems) {
		t.Errorf("got %v and %+v, want the figures of the run", err, read.Counts)
	}
}

func TestAnInterruptedRunReports(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := short(t)
	o.Round = time.Hour
	out := &watcher{seen: cancel}
	found, err := run(ctx, o, out)
	if err != nil {
		t.Fatal(err)
	}
	if !found.Interrupted || found.Counts.Heard == 0 || found.Took == 0 {
		t.Errorf("got %+v, want what was found until then", found)
	}
	for _, problem := range found.Problems {
		t.Error(problem)
	}
	wantReport(t, o, found)
}

// watcher calls seen when something is written.
type watcher struct{ seen func() }

// Write reads nothing.
func (w *watcher) Write(view []byte) (int, error) {
	w.seen()
	return len(view), nil
}

func TestOptionsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*options)
		bad    bool
	}{
		"and may be good":      {func(*options) {}, false},
		"for a duration":       {func(o *options) { o.Duration = 0 }, true},
		"for a round":          {func(o *options) { o.Round = 0 }, true},
		"for clients":          {func(o *options) { o.Clients = 1 }, true},
		"for clients in Node":  {func(o *options) { o.Nodes = o.Clients + 1 }, true},
		"for a rate":           {func(o *options) { o.Rate = 0 }, true},
		"for a time of faults": {func(o *options) { o.Longest = 0 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			o := short(t)
			c.change(&o)
			if err := o.check(); (err != nil) != c.bad {
				t.Errorf("got %v, want an error: %v", err, c.bad)
			}
		})
	}
}
