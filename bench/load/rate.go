//go:build linux

package load

import (
	"fmt"

	"github.com/spokehub/spokehub/bench/swarm"
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
