//go:build linux

package load

import "github.com/spokehub/spokehub/bench/swarm"

const churnFirstTopic = 1 << 16

// churn subscribes and unsubscribes on a schedule, first alone, to see what one control event costs, and then beside a fan-out to a giant
// topic, to see how long an answer takes.
type churn struct {
	giant rate
	// churners send so many control events a second in all, a batch in each write.
	churners, batch int
	controls        float64
}

func (c churn) workload(label string) Workload {
	w := workload(label, c.giant.spokes+c.churners, c.measure, "spokes=%d/controls=%g/batch=%d", c.giant.spokes, c.controls, c.batch)
	w.controls, w.processes = true, 2
	return w
}

func (c churn) measure(s *setup) {
	giants, last := s.apart()
	s.subscribe(swarm.Plan{Group: groupMain, Count: c.giant.spokes, Topics: 1, Size: c.giant.bytes}, giants...)
	s.connect(swarm.Plan{Group: groupOthers, Count: c.churners, First: 1 << 19, Size: c.giant.bytes}, last)
	s.writer(groupWriters, 0)
	s.publish(swarm.Publication{
		Kind: swarm.PublishChurn, Group: groupOthers, Writers: groupOthers, FirstTopic: churnFirstTopic, Batch: c.batch, Rate: c.controls,
	}, last)
	s.warmUp()
	alone := s.over("measuring alone")
	s.publishRate(groupMain, groupWriters, c.giant, 0)
	s.warmUp()
	beside := s.over("measuring beside a fan-out")
	reports := must(s.fleet.Report(nil))
	s.result.Add(MetricControls, float64(beside.sent)/beside.took.Seconds())
	s.result.addCPU(alone, alone.sent)
	s.result.addLatency(PrefixAck, reports[groupOthers].Latency)
	s.result.addLatency("", reports[groupMain].Latency)
	if reports[groupOthers].Latency.Count() == 0 {
		s.result.void("no control event was answered")
	}
	s.finish()
}

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
