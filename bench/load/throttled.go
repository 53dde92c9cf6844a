//go:build linux

package load

import (
	"fmt"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	// throttledShare is which part of the bandwidth that they would need slow spokes have, throttledBuffer their receive buffer.
	throttledShare  = 10
	throttledBuffer = 8 << 10
	// frameBytes is about what a frame has besides the envelope that was published: its header and the offset.
	frameBytes = 18
	// throttledLength is for how long spokes are slow at least: so the queue of each is full in the first half, and empty again in the second where
	// what waits for it does not get old.
	throttledLength = 30 * time.Second
)

// throttled publishes on a schedule, has every tenth spoke come that reads at a tenth of the bandwidth that it would need, and shows what
// the others notice, how old the events are that slow ones get once they have been slow for a while, and what all this takes.
type throttled struct {
	rate
}

func (h throttled) workload(label string) Workload {
	made := h.rate.workload(label)
	made.measure, made.streams = h.measure, true
	return made
}

func (h throttled) measure(s *setup) {
	slow := h.spokes / slowEvery
	s.subscribeRooms(h.rate, swarm.Plan{Group: groupMain, Count: h.spokes - slow})
	s.writer(groupWriters, 0)
	s.publishFrom(h.rate, 0)
	s.warmUp()
	s.over("measuring without slow ones")
	calm := must(s.fleet.Report(nil))[groupMain].Latency.Quantile(0.99).Seconds() * 1e3
	sent := s.finish()[groupMain]
	interval := time.Duration(float64(h.topics) / h.perSecond * float64(time.Second))
	s.subscribeRooms(h.rate, swarm.Plan{Group: groupSmall, First: 1 << 16, Count: slow, From: uint32(sent), Slow: swarm.Slow{
		Rate: int(h.perSecond * float64(h.bytes+frameBytes) / throttledShare), Buffer: throttledBuffer, Interval: interval,
	}})
	s.publishFrom(h.rate, sent)
	check(s.fleet.Mark())
	var first, second half
	m := s.during(func() {
		first = h.watch(s, slow)
		check(s.fleet.Mark())
		second = h.watch(s, slow)
	})
	healthy, behind := first.reports[groupMain].Latency, second.reports[groupSmall]
	healthy.Merge(second.reports[groupMain].Latency)
	s.result.addLatency("", healthy)
	s.result.Add(MetricCalmP99, calm)
	s.result.addCPU(m, m.delivered[groupMain]+m.delivered[groupSmall])
	s.result.addLatency(PrefixAge, behind.Latency)
	s.result.addLatency(PrefixTrip, behind.RoundTrip)
	s.result.Add(MetricAge, behind.WorstAge)
	s.result.Add(MetricPeakMemory, float64(max(first.resident, second.resident))/1e6)
	s.result.Add(MetricHeld, second.held/float64(slow))
	s.result.Add(MetricHeldGrowth, second.held/first.held)
	h.end(s, slow)
}

// subscribeRooms has the spokes of a plan subscribe to all topics of a rate at once.
func (s *setup) subscribeRooms(r rate, plan swarm.Plan) {
	plan.FirstTopic, plan.Topics, plan.Size, plan.Whole = 1, r.topics, r.bytes, true
	s.subscribe(plan)
}

// publishFrom starts the publisher; from is how many events were published before.
func (s *setup) publishFrom(r rate, from uint64) {
	s.publish(swarm.Publication{
		Kind: swarm.PublishRate, Group: groupMain, Writers: groupWriters, FirstTopic: 1, Topics: r.topics, Size: r.bytes, Rate: r.perSecond, From: from,
	}, 0)
}

// half is what came of half of the time in which some are slow: reports of that time, the most memory that connections made the hub hold, streams
// left out, and the most that the process had.
type half struct {
	reports  []swarm.Report
	held     float64
	resident int64
}

// watch lets half of the time pass in which some are slow.
func (h throttled) watch(s *setup, slow int) (seen half) {
	length := s.settings.duration()
	if !s.settings.Short {
		length = max(length, throttledLength)
	}
	for end := time.Now().Add(length / 2); time.Now().Before(end); {
		s.wait(min(checkEvery/4, time.Until(end)), fmt.Sprintf("measuring with %d slow ones", slow))
		if metrics, err := s.server.Metrics(); err == nil {
			seen.held = max(seen.held, metrics[server.HeldBytes]-metrics[server.StreamBytes])
		}
		seen.resident = max(seen.resident, must(s.server.Memory()).RSS)
	}
	seen.reports = must(s.fleet.Report(nil))
	return seen
}

// end lets the slow ones read all that is left (finish), and checks that they have got everything, or have been told that they will not.
func (h throttled) end(s *setup, slow int) {
	s.finish(groupSmall)
	closed := 0
	codes := must(s.fleet.Report(nil))[groupSmall].Closes
	for _, n := range codes {
		closed += n
	}
	s.result.Add(MetricStayed, float64(slow-closed))
	if closed > 0 {
		s.result.Note("of %d slow spokes the server closed %d, by close code: %v", slow, closed, codes)
	}
}
