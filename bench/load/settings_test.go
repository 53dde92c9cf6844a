//go:build linux

package load

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gobwas/ws"

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
		"by default":       {Settings{}, defaultDuration, time.Second},
		"to a short pass":  {Settings{Short: true}, shortDuration, shortDuration / 5},
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
		"has every workload":                        {Sizes{}, false, 28},
		"has them all in a short pass":              {Sizes{}, true, 28},
		"has those once that sizes have made equal": {Sizes{Spokes: 500, Payload: 256, Window: 8}, false, 24},
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
	for name, c := range map[string]struct {
		hard  uint64
		asked Sizes
		most  int
		noted bool
	}{
		"when nothing is asked":     {20_000, Sizes{}, 19_000, false},
		"when the limit is small":   {4_200, Sizes{}, 4_000, true},
		"when little is asked":      {20_000, Sizes{Spokes: 100}, 2_000, false},
		"when too much is asked":    {20_000, Sizes{Spokes: 100_000}, 19_800, true},
		"when much is, and allowed": {1 << 20, Sizes{Spokes: 1_000_000}, 1_001_000, false},
	} {
		t.Run(name, func(t *testing.T) {
			sizes, note := c.asked.Fit(swarm.FileLimit(c.hard))
			most := 0
			for _, w := range Suite(sizes, false) {
				most = max(most, w.connections)
			}
			if most != c.most || (note != "") != c.noted {
				t.Errorf("got at most %d connections and %q, want %d, note %v", most, note, c.most, c.noted)
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

func TestAWorkloadSuitsAServer(t *testing.T) {
	hub := newHub("hub", "spokehub", "", nil)
	streaming := *hub
	streaming.streams = true
	nats := &Target{Dialect: swarm.DialectNats, Commands: map[Mode][]string{ModeHub: {"nats"}}}
	bun := &Target{Commands: map[Mode][]string{ModeHub: {"bun"}, ModeLarge: {"bun"}}}
	for name, c := range map[string]struct {
		workload Workload
		target   *Target
		want     bool
	}{
		"that has its mode":                   {rate{}.workload(""), hub, true},
		"but not one without an echo":         {large{echo: true}.workload(""), bun, false},
		"nor one without control events":      {churn{}.workload(""), nats, false},
		"but one with the hub's":              {churn{}.workload(""), bun, true},
		"but not one that takes no long ones": {large{}.workload(""), nats, false},
		"nor one without streams":             {resume{}.workload(""), hub, false},
		"but one with them":                   {throttled{}.workload(""), &streaming, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.workload.Suits(c.target); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestALongMessageIsCutIntoFrames(t *testing.T) {
	for name, c := range map[string]struct {
		large large
		ops   []ws.OpCode
	}{
		"not at all":               {large{echo: true, op: ws.OpText}, []ws.OpCode{ws.OpText}},
		"of a size":                {large{echo: true, op: ws.OpBinary, fragment: 100}, []ws.OpCode{ws.OpBinary, ws.OpContinuation, ws.OpContinuation}},
		"with a ping behind it in": {large{op: ws.OpText}, []ws.OpCode{ws.OpText, ws.OpPing}},
	} {
		t.Run(name, func(t *testing.T) {
			want := bytes.Repeat([]byte("a"), 250)
			wire := bytes.NewReader(c.large.frames(want))
			var got []byte
			var ops []ws.OpCode
			for wire.Len() > 0 {
				f, err := ws.ReadFrame(wire)
				if err != nil {
					t.Fatal(err)
				}
				ops = append(ops, f.Header.OpCode)
				got = append(got, ws.UnmaskFrame(f).Payload...)
			}
			if !slices.Equal(ops, c.ops) || !bytes.Equal(got, want) {
				t.Errorf("got opcodes %v and %q, want %v and %q", ops, got, c.ops, want)
			}
		})
	}
}

func TestABaselineIsWhatIsThere(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "spokehub-old")
	if err := os.WriteFile(binary, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := Baseline(binary, "..", t.TempDir(), []string{"--reactors=1"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Commands[ModeHub][0] != binary || got.Commands[ModeEcho] != nil || !slices.Contains(got.Commands[ModeLarge], "--reactors=1") {
		t.Errorf("got %+v, want the executable, without an echo server", got)
	}
	if got, err := Baseline("no-such-revision", filepath.Join("..", ".."), t.TempDir(), nil); err == nil {
		t.Errorf("got %+v for a revision that isn't there, want an error", got)
	}
}

func TestAPeerSpeaksItsDialect(t *testing.T) {
	for name, want := range map[string]swarm.Dialect{
		"gws": swarm.DialectHub, "nats": swarm.DialectNats, "centrifuge": swarm.DialectCentrifuge,
	} {
		if got, err := NewPeer(name, "/bin/echo"); err != nil || got.Dialect != want {
			t.Errorf("%s: got %+v and %v, want dialect %q", name, got, err, want)
		}
	}
	if got, err := NewPeer("smoke", "/bin/echo"); err == nil {
		t.Errorf("got %+v, want an error", got)
	}
}
