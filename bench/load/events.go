//go:build linux

package load

import (
	"fmt"

	"github.com/spokehub/spokehub/bench/swarm"
)

// Events has spokes send events to a topic that nobody is subscribed to, as fast as the server reads them.
type Events struct {
	// Spokes send Batch events of Bytes with each write.
	Spokes, Batch, Bytes int
}

// Name tells the parameters.
func (e Events) Name() string {
	return fmt.Sprintf("spokes=%d/batch=%d/bytes=%d", e.Spokes, e.Batch, e.Bytes)
}

func (e Events) connections() int { return e.Spokes }

func (e Events) processes() int { return 1 }

func (e Events) measure(s *Stand) error {
	plan := swarm.Plan{Group: groupWriters, Count: s.fit(e.Spokes), Size: e.Bytes}
	if _, err := s.connect(plan); err != nil {
		return err
	}
	err := s.fleet.Publish(swarm.Publication{
		Kind: swarm.PublishFlood, Group: groupWriters, Writers: groupWriters, Topics: 1, Size: e.Bytes, Batch: e.Batch,
	}, s.fleet.All())
	if err != nil {
		return err
	}
	if err := s.wait(s.settings.warmup(), "warming up"); err != nil {
		return err
	}
	between, err := s.over(s.settings.duration(), "measuring")
	if err != nil {
		return err
	}
	s.result.Add(MetricEvents, float64(between.sent)/between.took.Seconds())
	s.result.addCPU(between, between.sent)
	if between.answered == 0 {
		s.result.Failed = true
		s.result.Note("void: the server answered no ping, so nobody knows what it has handled")
	}
	sent, err := s.settle()
	if err != nil {
		return err
	}
	s.checkEventsIn(sent[groupWriters])
	return nil
}

// checkEventsIn compares what was sent with what the hub says it has parsed.
func (s *Stand) checkEventsIn(sent uint64) {
	samples, err := s.scrape()
	if err != nil {
		return
	}
	if parsed := samples["spokehub_events_in_total"]; parsed != float64(sent) {
		s.result.Failed = true
		s.result.Note("void: %d events were sent, the hub says it has got %.0f", sent, parsed)
	}
}
