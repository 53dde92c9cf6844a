//go:build linux

package load

import (
	"fmt"

	"github.com/spokehub/spokehub/bench/swarm"
)

// Rate publishes to one topic on a schedule, whatever the server does, and shows latency from the scheduled time.
type Rate struct {
	// Spokes are the subscribers, Bytes is the length of an envelope.
	Spokes, Bytes int
	// PerSecond is how many events are published.
	PerSecond float64
}

// Name tells the parameters.
func (r Rate) Name() string {
	return fmt.Sprintf("spokes=%d/rate=%g/bytes=%d", r.Spokes, r.PerSecond, r.Bytes)
}

func (r Rate) connections() int { return r.Spokes }

func (r Rate) processes() int { return 1 }

func (r Rate) measure(s *Stand) error {
	if err := s.subscribe(groupMain, s.fit(r.Spokes), 0, 1, r.Bytes); err != nil {
		return err
	}
	if err := s.writer(groupWriters, 0); err != nil {
		return err
	}
	if err := s.publishRate(groupMain, groupWriters, 0, 1, r.Bytes, r.PerSecond, 0); err != nil {
		return err
	}
	if err := s.wait(s.settings.warmup(), "warming up"); err != nil {
		return err
	}
	between, err := s.over(s.settings.duration(), "measuring")
	if err != nil {
		return err
	}
	if err := s.addGroupLatency(groupMain); err != nil {
		return err
	}
	s.result.Add(MetricDeliveries, float64(between.delivered[groupMain])/between.took.Seconds())
	s.result.addCPU(between, between.delivered[groupMain])
	_, err = s.settle()
	return err
}

// publishRate starts a publisher with a schedule in one process.
func (s *Stand) publishRate(group, writers, firstTopic, topics, size int, perSecond float64, process int) error {
	return s.fleet.Publish(swarm.Publication{
		Kind: swarm.PublishRate, Group: group, Writers: writers, FirstTopic: firstTopic, Topics: topics, Size: size, Rate: perSecond,
	}, []int{process})
}
