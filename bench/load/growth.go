//go:build linux

package load

import (
	"fmt"

	"github.com/spokehub/spokehub/bench/swarm"
)

// Growth compares few spokes with many: bytes of each, and CPU of a delivery while one message is in flight.
type Growth struct {
	// From spokes it grows to To; Bytes is the length of an envelope.
	From, To, Bytes int
}

// Name tells the parameters.
func (g Growth) Name() string { return fmt.Sprintf("from=%d/to=%d/bytes=%d", g.From, g.To, g.Bytes) }

func (g Growth) connections() int { return g.To }

func (g Growth) processes() int { return 1 }

func (g Growth) measure(s *Stand) error {
	to := s.fit(g.To)
	middle := (g.From + to) / 2
	fanout := Fanout{Spokes: g.From, Topics: 1, Window: 1, Bytes: g.Bytes}
	if err := s.writer(groupWriters, 0); err != nil {
		return err
	}
	few, before, sent, err := s.grow(fanout, 0, g.From, 0)
	if err != nil {
		return err
	}
	half, _, sent, err := s.grow(fanout, g.From, middle, sent)
	if err != nil {
		return err
	}
	many, after, _, err := s.grow(fanout, middle, to, sent)
	if err != nil {
		return err
	}
	slope := func(a, b footprint) float64 {
		return float64(b.process.rss-a.process.rss) / float64(b.spokes-a.spokes)
	}
	fewCPU, manyCPU := before.each(before.delivered[groupMain]), after.each(after.delivered[groupMain])
	s.result.Add(MetricGrowthFewCPU, fewCPU)
	s.result.addCPU(after, after.delivered[groupMain])
	s.result.Add(MetricGrowthCPU, manyCPU/fewCPU)
	s.result.Add(MetricGrowthFewMemory, slope(few, half))
	s.result.Add(MetricMemory, slope(half, many))
	if first := slope(few, half); first > 0 {
		s.result.Add(MetricGrowthMemory, slope(half, many)/first)
	}
	return nil
}

// grow connects the spokes from one number to another, reads the memory, and measures one message in flight to all.
func (s *Stand) grow(f Fanout, from, to int, sent uint64) (footprint, span, uint64, error) {
	_, err := s.connect(swarm.Plan{
		Group: groupMain, First: from, Count: to - from, Topics: 1, From: uint32(sent), Size: f.Bytes, Subscribe: true, Ack: true,
	})
	if err != nil {
		return footprint{}, span{}, 0, err
	}
	memory, err := s.footprint(to)
	if err != nil {
		return footprint{}, span{}, 0, err
	}
	if err := s.publishWindow(f, to, sent); err != nil {
		return footprint{}, span{}, 0, err
	}
	if err := s.wait(s.settings.warmup(), "warming up"); err != nil {
		return footprint{}, span{}, 0, err
	}
	between, err := s.overWindow(s.settings.duration())
	if err != nil {
		return footprint{}, span{}, 0, err
	}
	all, err := s.settle()
	if err != nil {
		return footprint{}, span{}, 0, err
	}
	if between.delivered[groupMain] == 0 {
		return footprint{}, span{}, 0, errStalled
	}
	return memory, between, all[groupMain], nil
}
