//go:build linux

package load

import (
	"errors"
	"fmt"
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
)

// fanout keeps a number of messages in flight to spokes that share topics: a message counts until all its subscribers have it. With one
// topic it saturates the server, or with a window of 1 shows what a lone message costs; with many topics it shows a fan-out where nothing
// can be coalesced.
type fanout struct {
	spokes, topics, window, bytes int
}

func (f fanout) workload(label string) Workload {
	return workload(label, f.spokes, f.measure, "spokes=%d/topics=%d/window=%d/bytes=%d", f.spokes, f.topics, f.window, f.bytes)
}

func (f fanout) measure(s *setup) {
	s.subscribe(swarm.Plan{Group: groupMain, Count: f.spokes, FirstTopic: firstTopic(f.topics), Topics: f.topics, Size: f.bytes})
	s.writer(groupWriters, 0)
	s.publishWindow(f, 0)
	s.warmUp()
	m := s.overWindow()
	s.result.Add(MetricDeliveries, float64(m.delivered[groupMain])/m.took.Seconds())
	s.result.addCPU(m, m.delivered[groupMain])
	s.result.addLatency("", must(s.fleet.Report(nil))[groupMain].Latency)
	s.finish()
}

// firstTopic is the common topic where there is one alone, else the first room.
func firstTopic(topics int) int { return min(topics-1, 1) }

// publishWindow starts the publisher; from is how many events were published before.
func (s *setup) publishWindow(f fanout, from uint64) {
	s.publish(swarm.Publication{
		Kind: swarm.PublishWindow, Group: groupMain, Writers: groupWriters, FirstTopic: firstTopic(f.topics), Topics: f.topics,
		Spokes: f.spokes, Size: f.bytes, Window: f.window, From: from,
	}, 0)
}

var errStalled = errors.New("no message has reached all its subscribers for three seconds")

// overWindow measures, and fails when the window stands still: then an event is lost, or a subscriber.
func (s *setup) overWindow() measurement {
	shared := s.fleet.Counters()
	before := shared.Completed()
	m := s.over("measuring")
	for since := time.Now(); shared.Completed() == before; time.Sleep(pollEvery) {
		if time.Since(since) > stallTimeout {
			s.finish()
			check(fmt.Errorf("%w; notes: %v", errStalled, s.result.Notes))
		}
	}
	return m
}

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
