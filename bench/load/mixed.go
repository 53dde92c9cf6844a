//go:build linux

package load

import "fmt"

// Mixed publishes to one giant topic and beside it to many topics of one spoke each, and shows whether the small ones wait for the
// giant. The small ones have a client process of their own, so that the giant's clients don't hold them up.
type Mixed struct {
	// Spokes subscribe to the giant topic, Small to one each of their own; Bytes is the length of an envelope.
	Spokes, Small, Bytes int
	// PerSecond is how many events the giant gets, SmallPerSecond how many each of the others.
	PerSecond, SmallPerSecond float64
}

// Name tells the parameters.
func (m Mixed) Name() string {
	return fmt.Sprintf("spokes=%d/rate=%g/small=%d/bytes=%d", m.Spokes, m.PerSecond, m.Small, m.Bytes)
}

func (m Mixed) connections() int { return m.Spokes + m.Small }

func (m Mixed) processes() int { return 2 }

func (m Mixed) measure(s *Stand) error {
	giants, last := s.apart()
	if err := s.subscribe(groupMain, min(m.Spokes, s.fit(m.connections())-m.Small), 0, 1, m.Bytes, giants...); err != nil {
		return err
	}
	if err := s.subscribe(groupSmall, m.Small, 1, m.Small, m.Bytes, last); err != nil {
		return err
	}
	if err := s.writer(groupWriters, 0); err != nil {
		return err
	}
	if err := s.writer(groupOthers, last); err != nil {
		return err
	}
	if err := s.publishRate(groupMain, groupWriters, 0, 1, m.Bytes, m.PerSecond, 0); err != nil {
		return err
	}
	small := m.SmallPerSecond * float64(m.Small)
	if err := s.publishRate(groupSmall, groupOthers, 1, m.Small, m.Bytes, small, last); err != nil {
		return err
	}
	if err := s.wait(s.settings.warmup(), "warming up"); err != nil {
		return err
	}
	between, err := s.over(s.settings.duration(), "measuring")
	if err != nil {
		return err
	}
	reports, err := s.fleet.Report(nil)
	if err != nil {
		return err
	}
	s.result.addLatency(reports[groupSmall].Latency, MetricSmallP50, MetricSmallP99, MetricSmallP999, MetricSmallMax)
	s.result.addLatency(reports[groupMain].Latency, MetricP50, MetricP99, MetricP999, MetricMax)
	s.result.addCPU(between, between.delivered[groupMain]+between.delivered[groupSmall])
	_, err = s.settle()
	return err
}

// apart divides the client processes: the last for what must not wait, the others for the giant.
func (s *Stand) apart() (giants []int, last int) {
	all := s.fleet.All()
	last = len(all) - 1
	return all[:max(last, 1)], last
}
