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

// rate publishes on a schedule, over its topics in turn, whatever the server does, and shows latency from the scheduled time.
type rate struct {
	spokes, topics, bytes int
	perSecond             float64
}

func (r rate) workload(label string) Workload {
	topics := ""
	if r.topics > 1 {
		topics = fmt.Sprintf("topics=%d/", r.topics)
	}
	return workload(label, r.spokes, r.measure, "spokes=%d/%srate=%g/bytes=%d", r.spokes, topics, r.perSecond, r.bytes)
}

func (r rate) measure(s *setup) {
	s.startRate(r)
	m := s.over("measuring")
	s.result.addLatency("", must(s.fleet.Report(nil))[groupMain].Latency)
	s.result.Add(MetricDeliveries, float64(m.delivered[groupMain])/m.took.Seconds())
	s.result.addCPU(m, m.delivered[groupMain])
	s.finish()
}

// startRate connects subscribers, starts the publisher, and lets it warm up.
func (s *setup) startRate(r rate) {
	s.subscribe(swarm.Plan{Group: groupMain, Count: r.spokes, FirstTopic: firstTopic(r.topics), Topics: r.topics, Size: r.bytes})
	s.writer(groupWriters, 0)
	s.publishRate(groupMain, groupWriters, r, 0)
	s.warmUp()
}

// publishRate starts the publisher in one process.
func (s *setup) publishRate(group, writers int, r rate, process int) {
	s.publish(swarm.Publication{
		Kind: swarm.PublishRate, Group: group, Writers: writers, FirstTopic: firstTopic(r.topics), Topics: r.topics, Size: r.bytes,
		Rate: r.perSecond,
	}, process)
}

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

// mixed publishes to one giant topic and beside it to many topics of one spoke each, and shows whether the small ones wait for the
// giant. The small ones have a client process of their own, so that the giant's clients don't hold them up.
type mixed struct {
	giant rate
	// small spokes get smallPerSecond events each.
	small          int
	smallPerSecond float64
}

func (x mixed) workload(label string) Workload {
	w := workload(label, x.giant.spokes+x.small, x.measure,
		"spokes=%d/rate=%g/small=%d/bytes=%d", x.giant.spokes, x.giant.perSecond, x.small, x.giant.bytes)
	w.processes = 2
	return w
}

func (x mixed) measure(s *setup) {
	giants, last := s.apart()
	s.subscribe(swarm.Plan{Group: groupMain, Count: x.giant.spokes, Topics: 1, Size: x.giant.bytes}, giants...)
	s.subscribe(swarm.Plan{Group: groupSmall, Count: x.small, FirstTopic: 1, Topics: x.small, Size: x.giant.bytes}, last)
	s.writer(groupWriters, 0)
	s.writer(groupOthers, last)
	s.publishRate(groupMain, groupWriters, x.giant, 0)
	small := rate{topics: x.small, bytes: x.giant.bytes, perSecond: x.smallPerSecond * float64(x.small)}
	s.publishRate(groupSmall, groupOthers, small, last)
	s.warmUp()
	m := s.over("measuring")
	reports := must(s.fleet.Report(nil))
	s.result.addLatency(PrefixSmall, reports[groupSmall].Latency)
	s.result.addLatency("", reports[groupMain].Latency)
	s.result.addCPU(m, m.delivered[groupMain]+m.delivered[groupSmall])
	s.finish()
}

// apart divides the client processes: the last for what must not wait, the others for the giant topic.
func (s *setup) apart() (giants []int, last int) {
	all := s.fleet.All()
	last = len(all) - 1
	return all[:max(last, 1)], last
}
