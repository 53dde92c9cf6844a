//go:build linux

package load

import "github.com/spokehub/spokehub/bench/swarm"

// events has spokes send events to a topic without subscribers, as fast as the server reads them, a batch of them in each write.
type events struct {
	spokes, batch, bytes int
}

func (e events) workload(label string) Workload {
	return workload(label, e.spokes, e.measure, "spokes=%d/batch=%d/bytes=%d", e.spokes, e.batch, e.bytes)
}

func (e events) measure(s *setup) {
	s.connect(swarm.Plan{Group: groupWriters, Count: e.spokes, Size: e.bytes})
	check(s.fleet.Publish(swarm.Publication{
		Kind: swarm.PublishFlood, Group: groupWriters, Writers: groupWriters, Topics: 1, Size: e.bytes, Batch: e.batch,
	}, s.fleet.All()))
	s.warmUp()
	m := s.over("measuring")
	s.result.Add(MetricEvents, float64(m.sent)/m.took.Seconds())
	s.result.addCPU(m, m.sent)
	if m.answered == 0 {
		s.result.void("the server answered no ping, so nobody knows what it has handled")
	}
	s.checkEventsIn(s.finish()[groupWriters])
}
