//go:build linux

package load

import (
	"fmt"

	"github.com/spokehub/spokehub/bench/swarm"
)

const churnFirstTopic = 1 << 16

// Churn subscribes and unsubscribes on a schedule, first alone, to see what one control event costs, and then beside a fan-out to a giant
// topic, to see how long an answer takes.
type Churn struct {
	// Spokes subscribe to the giant topic; Churners send control events, Batch in one write; Bytes is the length of an envelope.
	Spokes, Churners, Batch, Bytes int
	// Controls is how many control events are sent a second, PerSecond how many events the giant gets.
	Controls, PerSecond float64
}

// Name tells the parameters.
func (c Churn) Name() string {
	return fmt.Sprintf("spokes=%d/controls=%g/batch=%d", c.Spokes, c.Controls, c.Batch)
}

func (c Churn) connections() int { return c.Spokes + c.Churners }

func (c Churn) processes() int { return 2 }

func (c Churn) measure(s *Stand) error {
	giants, last := s.apart()
	if s.target.Dialect() != swarm.DialectHub {
		s.result.Note("not measured: %s has no control events", s.target.Name())
		return nil
	}
	if err := s.subscribe(groupMain, min(c.Spokes, s.fit(c.connections())-c.Churners), 0, 1, c.Bytes, giants...); err != nil {
		return err
	}
	churners := swarm.Plan{Group: groupOthers, Count: c.Churners, First: 1 << 19, Size: c.Bytes}
	if _, err := s.connect(churners, last); err != nil {
		return err
	}
	if err := s.writer(groupWriters, 0); err != nil {
		return err
	}
	err := s.fleet.Publish(swarm.Publication{
		Kind: swarm.PublishChurn, Group: groupOthers, Writers: groupOthers, FirstTopic: churnFirstTopic, Batch: c.Batch, Rate: c.Controls,
	}, []int{last})
	if err != nil {
		return err
	}
	if err := s.wait(s.settings.warmup(), "warming up"); err != nil {
		return err
	}
	alone, err := s.over(s.settings.duration(), "measuring alone")
	if err != nil {
		return err
	}
	if err := s.publishRate(groupMain, groupWriters, 0, 1, c.Bytes, c.PerSecond, 0); err != nil {
		return err
	}
	if err := s.wait(s.settings.warmup(), "warming up the fan-out"); err != nil {
		return err
	}
	beside, err := s.over(s.settings.duration(), "measuring beside a fan-out")
	if err != nil {
		return err
	}
	reports, err := s.fleet.Report(nil)
	if err != nil {
		return err
	}
	s.result.Add(MetricControls, float64(beside.sent)/beside.took.Seconds())
	s.result.addCPU(alone, alone.sent)
	s.result.addLatency(reports[groupOthers].Latency, MetricAckP50, MetricAckP99, "", MetricAckMax)
	s.result.addLatency(reports[groupMain].Latency, MetricP50, MetricP99, MetricP999, MetricMax)
	if reports[groupOthers].Latency.Count() == 0 {
		s.result.Failed = true
		s.result.Note("void: no control event was answered")
	}
	_, err = s.settle()
	return err
}
