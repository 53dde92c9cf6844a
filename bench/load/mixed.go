//go:build linux

package load

import "github.com/spokehub/spokehub/bench/swarm"

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
