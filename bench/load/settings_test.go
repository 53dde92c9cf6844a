//go:build linux

package load

import (
	"slices"
	"testing"
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
)

func TestCoresAreDivided(t *testing.T) {
	for name, c := range map[string]struct {
		settings        Settings
		cores           []int
		server, clients []int
	}{
		"in halves where there are four":          {Settings{}, []int{0, 1, 2, 3}, []int{0, 1}, []int{2, 3}},
		"with one for the server of two":          {Settings{}, []int{4, 7}, []int{4}, []int{7}},
		"with one for the server of three":        {Settings{}, []int{0, 1, 2}, []int{0}, []int{1, 2}},
		"by sharing a single one":                 {Settings{}, []int{5}, []int{5}, []int{5}},
		"as asked":                                {Settings{ServerCores: 3}, []int{0, 1, 2, 3}, []int{0, 1, 2}, []int{3}},
		"with at least one for clients, if asked": {Settings{ServerCores: 9}, []int{0, 1, 2, 3}, []int{0, 1, 2}, []int{3}},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.settings.plan(c.cores)
			if !slices.Equal(got.server, c.server) || !slices.Equal(got.clients, c.clients) {
				t.Errorf("got %+v, want server %v, clients %v", got, c.server, c.clients)
			}
		})
	}
}

func TestDurationsAdapt(t *testing.T) {
	for name, c := range map[string]struct {
		settings         Settings
		duration, warmup time.Duration
	}{
		"by default":       {Settings{}, DefaultDuration, time.Second},
		"to a short pass":  {Settings{Short: true}, ShortDuration, ShortDuration / 5},
		"to what is asked": {Settings{Short: true, Duration: time.Minute, Warmup: 3 * time.Second}, time.Minute, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.settings.duration(); got != c.duration {
				t.Errorf("got %v, want %v", got, c.duration)
			}
			if got := c.settings.warmup(); got != c.warmup {
				t.Errorf("got a warm-up of %v, want %v", got, c.warmup)
			}
		})
	}
}

func TestTheSuite(t *testing.T) {
	for name, c := range map[string]struct {
		sizes Sizes
		short bool
		cases int
	}{
		"has every workload":                        {Sizes{}, false, 15},
		"has them all in a short pass":              {Sizes{}, true, 15},
		"has those once that sizes have made equal": {Sizes{Spokes: 500, Payload: 256, Window: 8}, false, 12},
	} {
		t.Run(name, func(t *testing.T) {
			cases := Suite(c.sizes, c.short)
			seen := map[string]bool{}
			for _, one := range cases {
				if seen[one.Name()] {
					t.Errorf("got %s twice, want it once", one.Name())
				}
				seen[one.Name()] = true
			}
			if len(cases) != c.cases {
				t.Errorf("got %d cases, want %d", len(cases), c.cases)
			}
		})
	}
}

func TestSizesFitTheFileLimit(t *testing.T) {
	limit := swarm.FileLimit{Soft: 1024, Hard: 20_000}
	for name, c := range map[string]struct {
		asked  Sizes
		spokes int
		idle   int
		noted  bool
	}{
		"when nothing is asked":      {Sizes{}, 0, 18_000, false},
		"when little is asked":       {Sizes{Spokes: 100}, 100, 100, false},
		"when too much is asked":     {Sizes{Spokes: 100_000}, 19_800, 19_800, true},
		"when idle alone is too big": {Sizes{Idle: 1_000_000}, 0, 19_800, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, note := c.asked.Fit(limit)
			if got.Spokes != c.spokes || got.Idle != c.idle || (note != "") != c.noted {
				t.Errorf("got %+v and %q, want %d spokes, %d idle, note %v", got, note, c.spokes, c.idle, c.noted)
			}
		})
	}
}

func TestAMetricIsReplacedNotRepeated(t *testing.T) {
	var result Result
	result.Add(MetricFaults, 1)
	result.Add(MetricCPU, 2)
	result.Add(MetricFaults, 3)
	if got, _ := result.Value(MetricFaults); len(result.Metrics) != 2 || got != 3 {
		t.Errorf("got %+v, want two metrics and 3 faults", result.Metrics)
	}
	if _, found := result.Value(MetricGC); found {
		t.Error("got a metric that was never added")
	}
}

func TestTheStartLineTellsAddresses(t *testing.T) {
	for name, c := range map[string]struct{ line, address, path, admin string }{
		"as text":   {`level=INFO msg=listening websocket=ws://127.0.0.1:4001/ws admin=http://127.0.0.1:4002/ relay=true`, "127.0.0.1:4001", "/ws", "http://127.0.0.1:4002"},
		"as JSON":   {`{"msg":"listening","websocket":"ws://127.0.0.1:4001/ws","admin":"http://127.0.0.1:4002/"}`, "127.0.0.1:4001", "/ws", "http://127.0.0.1:4002"},
		"of a peer": {`listening ws://127.0.0.1:4001/connection/websocket`, "127.0.0.1:4001", "/connection/websocket", ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := webSocketLine.FindStringSubmatch(c.line)
			if found == nil || found[1] != c.address || found[2] != c.path {
				t.Fatalf("got %q, want %s and %s", found, c.address, c.path)
			}
			admin := adminLine.FindStringSubmatch(c.line)
			if (admin != nil) != (c.admin != "") || admin != nil && admin[1] != c.admin {
				t.Errorf("got admin %q, want %q", admin, c.admin)
			}
		})
	}
}
