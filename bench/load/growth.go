//go:build linux

package load

import "github.com/spokehub/spokehub/bench/swarm"

// growth compares few spokes with many: bytes of each, and CPU of a delivery while one message is in flight.
type growth struct {
	from, to, bytes int
}

func (g growth) workload(label string) Workload {
	return workload(label, g.to, g.measure, "from=%d/to=%d/bytes=%d", g.from, g.to, g.bytes)
}

func (g growth) measure(s *setup) {
	middle := (g.from + g.to) / 2
	s.writer(groupWriters, 0)
	few, before, sent := g.grow(s, 0, g.from, 0)
	half, _, sent := g.grow(s, g.from, middle, sent)
	many, after, _ := g.grow(s, middle, g.to, sent)
	slope := func(a, b footprint) float64 {
		return float64(b.process.RSS-a.process.RSS) / float64(b.spokes-a.spokes)
	}
	fewCPU := microseconds(before.server.Whole, before.delivered[groupMain])
	s.result.Add(MetricGrowthFewCPU, fewCPU)
	s.result.addCPU(after, after.delivered[groupMain])
	s.result.Add(MetricGrowthCPU, microseconds(after.server.Whole, after.delivered[groupMain])/fewCPU)
	s.result.Add(MetricGrowthFewMemory, slope(few, half))
	s.result.Add(MetricMemory, slope(half, many))
	if first := slope(few, half); first > 0 {
		s.result.Add(MetricGrowthMemory, slope(half, many)/first)
	}
}

// grow connects the spokes from one number to another, reads the memory, and measures one message in flight to all. sent is how many
// events the topic has had.
func (g growth) grow(s *setup, from, to int, sent uint64) (footprint, measurement, uint64) {
	s.subscribe(swarm.Plan{Group: groupMain, First: from, Count: to - from, Topics: 1, From: uint32(sent), Size: g.bytes})
	memory := s.footprint(to)
	s.publishWindow(fanout{spokes: to, topics: 1, window: 1, bytes: g.bytes}, sent)
	s.warmUp()
	m := s.overWindow()
	all := s.finish()
	if m.delivered[groupMain] == 0 {
		check(errStalled)
	}
	return memory, m, all[groupMain]
}
