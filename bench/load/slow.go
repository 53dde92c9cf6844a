//go:build linux

package load

import (
	"fmt"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	closeBackpressure = 1013
	slowEvery         = 10
	checkEvery        = time.Second
)

// slow publishes on a schedule, has every tenth spoke stop reading after a while, and shows what the others notice.
type slow struct {
	rate
}

func (w slow) workload(label string) Workload {
	made := w.rate.workload(label)
	made.measure = w.measure
	return made
}

func (w slow) measure(s *setup) {
	s.startRate(w.rate)
	s.over("measuring with all reading")
	calm := must(s.fleet.Report(nil))[groupMain].Latency.Quantile(0.99).Seconds() * 1e3
	stalled := must(s.fleet.Stall(groupMain, slowEvery))
	check(s.fleet.Mark())
	m := s.during(func() { w.waitStalled(s, stalled) })
	s.result.addLatency("", must(s.fleet.Report(nil))[groupMain].Latency)
	after, _ := s.result.Value(MetricP99)
	s.result.Add(MetricCalmP99, calm)
	s.result.Add(MetricStallRatio, after/calm)
	s.result.addCPU(m, m.delivered[groupMain])
	s.result.Add(MetricPeakMemory, float64(must(s.server.Memory()).RSS)/1e6)
	s.finish()
	s.countCloses(stalled)
}

// waitStalled lets time pass while some don't read: but in a quick pass, enough for some 6 MB each, more than the kernel and the hub hold.
// Once the server has counted a close frame for each, they read again: a server waits only so long for a client to take its close frame.
func (w slow) waitStalled(s *setup, stalled int) {
	length := s.settings.duration()
	if !s.settings.Short {
		length = max(length, time.Duration(6<<20/(w.perSecond*float64(w.bytes))*float64(time.Second)))
	}
	end := time.Now().Add(length)
	for asleep := true; time.Now().Before(end); {
		s.wait(checkEvery, fmt.Sprintf("measuring with %d stalled", stalled))
		metrics, err := s.server.Metrics()
		if asleep && err == nil && int(metrics[server.Closes]) >= stalled {
			asleep = false
			must(s.fleet.Resume(groupMain))
		}
	}
}

// countCloses lets the stalled ones read what is left for them, to the close frame if there is one.
func (s *setup) countCloses(stalled int) {
	must(s.fleet.Resume(groupMain))
	s.wait(s.settings.warmup(), "waiting for close frames")
	codes := swarm.Total(must(s.fleet.Report(nil))).Closes
	s.result.Add(MetricClosed1013, float64(codes[closeBackpressure]))
	s.result.Note("%d stalled; connections ended by the server, by close code: %v", stalled, codes)
}
