//go:build linux

package bench

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/bench/load"
	"github.com/spokehub/spokehub/bench/swarm"
)

var (
	serverFlag      = flag.String("server", "hub", "the server under test: hub, hub-identity, "+strings.Join(load.PolicyNames, ", ")+", or peer: and one of bun, "+strings.Join(load.PeerNames, ", ")+"; with "+load.SecureSuffix+" behind it over TLS, as in hub-tls and peer:bun-tls")
	serverFlagsFlag = flag.String("server-flags", "", "further flags for spokehub serve, separated by spaces")
	serverCoresFlag = flag.Int("server-cores", 0, "cores for the server (0: two, or one on a machine of three or fewer)")
	clientsFlag     = flag.Int("clients", 0, "client processes (0: one for each core that is left, more where the file limit asks for it)")
	spokesFlag      = flag.Int("spokes", 0, "spokes of every workload (0: as each has by itself)")
	payloadFlag     = flag.Int("payload", 0, "bytes of an envelope (0: as each workload has by itself)")
	windowFlag      = flag.Int("window", 0, "messages in flight where a workload keeps several (0: as it has by itself)")
	rateFlag        = flag.Float64("rate", 0, "events a second where a workload has a schedule (0: as it has by itself)")
	durationFlag    = flag.Duration("duration", 0, "how long each workload is measured (0: 5s, or 1.5s with -benchtime 1x)")
	profileFlag     = flag.String("profile", "", "directory for a CPU profile of the hub for each workload, and of its heap for idle (empty: none)")
	warmupFlag      = flag.Duration("warmup", 0, "how long it runs before (0: a fifth of that)")
)

func TestMain(m *testing.M) {
	swarm.RunIfChild()
	flag.Parse()
	code := m.Run()
	if builtIn != "" {
		os.RemoveAll(builtIn)
	}
	os.Exit(code)
}

func BenchmarkWorkloadSaturate(b *testing.B)    { benchmark(b, "saturate") }
func BenchmarkWorkloadOneInFlight(b *testing.B) { benchmark(b, "one-in-flight") }
func BenchmarkWorkloadManyTopics(b *testing.B)  { benchmark(b, "many-topics") }
func BenchmarkWorkloadSteady(b *testing.B)      { benchmark(b, "steady") }
func BenchmarkWorkloadIdle(b *testing.B)        { benchmark(b, "idle") }
func BenchmarkWorkloadConnect(b *testing.B)     { benchmark(b, "connect") }
func BenchmarkWorkloadEventsIn(b *testing.B)    { benchmark(b, "events-in") }
func BenchmarkWorkloadSlow(b *testing.B)        { benchmark(b, "slow") }
func BenchmarkWorkloadThrottled(b *testing.B)   { benchmark(b, "throttled") }
func BenchmarkWorkloadResume(b *testing.B)      { benchmark(b, "resume") }
func BenchmarkWorkloadKept(b *testing.B)        { benchmark(b, "kept") }
func BenchmarkWorkloadChurn(b *testing.B)       { benchmark(b, "churn") }
func BenchmarkWorkloadMixed(b *testing.B)       { benchmark(b, "mixed") }
func BenchmarkWorkloadGrowth(b *testing.B)      { benchmark(b, "growth") }
func BenchmarkWorkloadTails(b *testing.B)       { benchmark(b, "tails") }
func BenchmarkWorkloadLargeIn(b *testing.B)     { benchmark(b, "large-in") }
func BenchmarkWorkloadLargeEcho(b *testing.B)   { benchmark(b, "large-echo") }

func benchmark(b *testing.B, label string) {
	target := targetUnderTest(b, label)
	short := shortPass()
	sizes := sizesAsked(b)
	for _, w := range load.Suite(sizes, short) {
		if w.Label != label {
			continue
		}
		runs := 0
		b.Run(w.Parameters, func(b *testing.B) {
			if !w.Suits(target) {
				b.Skipf("%s can't do this", target.Name)
			}
			out := &progressLines{name: b.Name(), after: runs > 0}
			runs++
			result, err := load.Run(load.Settings{
				Duration: *durationFlag, Warmup: *warmupFlag, Short: short, ServerCores: *serverCoresFlag, Clients: *clientsFlag,
				Profile: *profileFlag, Progress: out,
			}, target, w)
			for _, note := range result.Notes {
				fmt.Fprintln(out, note)
			}
			out.finish()
			if err != nil {
				b.Fatal(err)
			}
			if result.Failed {
				b.Fatal("the result is void: see above")
			}
			b.ReportMetric(0, "ns/op")
			for _, metric := range result.Metrics {
				b.ReportMetric(metric.Value, metric.Name)
			}
		})
	}
}

// sizesAsked is what the flags say, as far as the file limit lets it.
func sizesAsked(b *testing.B) load.Sizes {
	b.Helper()
	limit, err := swarm.RaiseFileLimit()
	if err != nil {
		b.Fatal(err)
	}
	asked := load.Sizes{Spokes: *spokesFlag, Payload: *payloadFlag, Window: *windowFlag, Rate: *rateFlag}
	sizes, note := asked.Fit(limit)
	if note != "" {
		fmt.Fprintln(os.Stderr, note)
	}
	return sizes
}

// shortPass reports whether -benchtime asks for one pass.
func shortPass() bool {
	benchtime := flag.Lookup("test.benchtime")
	return benchtime != nil && benchtime.Value.String() == "1x"
}
