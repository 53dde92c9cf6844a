package main

import (
	"strings"
	"testing"
)

func TestDoctorForetellsTheFileLimit(t *testing.T) {
	t.Parallel()
	limited := limitedFiles("2000")
	report := foretell(t, limited, nil)
	if want := capacity(serveFlags{}, 2000); report.First != "RLIMIT_NOFILE" || report.Spokes != want {
		t.Fatalf("got %d by %s, want the %d of the hub's own file limit", report.Spokes, report.First, want)
	}
	hub := startHubThrough(t, limited, nil, "--listen=127.0.0.1:0", "--admin=127.0.0.1:0")
	wantNear(t, "spokes with 2000 descriptors", trunkTo(t, hub).untilFull(t, 4000), report.Spokes)
	if record := hub.output.await(t, "limits of this machine"); record["spokes_possible"] != float64(report.Spokes) || record["hit_first"] != report.First {
		t.Errorf("got %v at the start, want what the doctor says", record)
	}
}

func TestDoctorForetellsMaxConnections(t *testing.T) {
	t.Parallel()
	report := foretell(t, nil, nil, "--max-connections=300", "--spokes=200")
	if report.First != "--max-connections" || !report.Enough {
		t.Fatalf("got %s first and enough %v, want the flag and enough", report.First, report.Enough)
	}
	hub := startHub(t, nil, "--max-connections=300")
	wantNear(t, "spokes with --max-connections", trunkTo(t, hub).untilFull(t, 600), report.Spokes)
}

// TestDoctorForetellsTheMemoryOfACgroup fills the hub until the kernel kills it.
func TestDoctorForetellsTheMemoryOfACgroup(t *testing.T) {
	foreign(t)
	limited, below := memoryCgroup(t, 32<<20)
	report := foretell(t, inCgroup(below), nil)
	if !strings.HasPrefix(report.First, "cgroup v") || !strings.Contains(report.Bounds[0].Why, limited) {
		t.Fatalf("got %s first, %+v, want the memory of %s", report.First, report.Bounds[0], limited)
	}
	hub := startHubThrough(t, inCgroup(below), []string{"GOMEMLIMIT=", "GOMAXPROCS=2"}, "--listen=127.0.0.1:0", "--admin=", "--max-connections=19900")
	warning := hub.output.await(t, "the machine takes fewer clients than --max-connections: spokehub doctor says what raises that")
	if foretold, isNumber := warning["spokes_possible"].(float64); !isNumber || warning["hit_first"] != report.First {
		t.Errorf("got %v, want %s first", warning, report.First)
	} else {
		wantNear(t, "spokes that the log foretells", uint64(foretold), report.Spokes)
	}
	l := trunkTo(t, hub)
	wantNear(t, "spokes in 32 MiB", l.untilFull(t, 30000), report.Spokes)
	<-hub.ended
	l.hangUp()
}

// TestDoctorForetellsTheMemoryBudget has more clients stop within a message than the budget has room for.
func TestDoctorForetellsTheMemoryBudget(t *testing.T) {
	t.Parallel()
	const each, clients = 64 << 10, 300
	for name, c := range map[string]struct {
		environ []string
		flags   []string
		want    string
	}{
		"by the flag":             {nil, []string{"--memory-budget=8MiB"}, " 128 full queues"},
		"a quarter of GOMEMLIMIT": {[]string{"GOMEMLIMIT=64MiB"}, nil, " 256 full queues"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags := append([]string{"--queue-limit=64KiB", "--max-message=64KiB", "--message-timeout=10m"}, c.flags...)
			report := foretell(t, nil, c.environ, flags...)
			if meaning := note(t, report, "--memory-budget").Meaning; !strings.HasSuffix(meaning, c.want) {
				t.Errorf("got %q, want%s", meaning, c.want)
			}
			hub := startHub(t, c.environ, flags...)
			l := trunkTo(t, hub)
			for range clients {
				l.stopWithin(t, each)
			}
			closed := 0
			waitFor(t, "what clients hold is within the budget, and the others are closed", func() bool {
				closed = l.closed(t)
				held := metric(t, hub, `spokehub_memory_bytes{kind="messages"}`)
				return held <= float64(report.MemoryBudget) && closed+int(held/each) == clients
			})
			wantNear(t, "clients within a message", uint64(clients-closed), report.MemoryBudget/each)
		})
	}
}

func TestServeTakesGOMEMLIMITFromTheCgroup(t *testing.T) {
	foreign(t)
	_, below := memoryCgroup(t, 256<<20)
	const half = 128 << 20
	for name, c := range map[string]struct {
		environ     []string
		limit, from string
		budget      uint64
		flags       []string
	}{
		"unset":                   {[]string{"GOMEMLIMIT="}, "241591910", "cgroup", 241591910 / 4, nil},
		"set":                     {[]string{"GOMEMLIMIT=128MiB"}, "134217728", "GOMEMLIMIT", half / 4, nil},
		"off":                     {[]string{"GOMEMLIMIT=off"}, "off", "GOMEMLIMIT", 0, nil},
		"not to be taken":         {[]string{"AUTOMEMLIMIT=off"}, "off", "nowhere", 0, nil},
		"another share":           {[]string{"AUTOMEMLIMIT=0.5"}, "134217728", "cgroup", half / 4, nil},
		"with a budget by a flag": {nil, "241591910", "cgroup", 16 << 20, []string{"--memory-budget=16MiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			foretold := foretell(t, inCgroup(below), c.environ, c.flags...).MemoryBudget
			if c.budget != 0 && foretold != c.budget {
				t.Errorf("got a budget of %d bytes foretold, want %d", foretold, c.budget)
			}
			hub := startHubThrough(t, inCgroup(below), c.environ, append([]string{"--listen=127.0.0.1:0", "--admin=127.0.0.1:0"}, c.flags...)...)
			if got := hub.start["gomemlimit"]; got != c.limit {
				t.Errorf("got GOMEMLIMIT %v, want %s", got, c.limit)
			}
			if got := hub.output.await(t, "limits of this machine")["gomemlimit_from"]; got != c.from {
				t.Errorf("got it from %v, want %s", got, c.from)
			}
			if got := metric(t, hub, "spokehub_memory_budget_bytes"); got != float64(foretold) {
				t.Errorf("got a budget of %v bytes, want the %d that were foretold", got, foretold)
			}
			hub.terminate(t)
		})
	}
}
