//go:build linux

package load

import (
	"errors"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

// finish ends the publishers, waits until what they sent has arrived, and judges: a lost, duplicate or reordered event at a healthy
// subscriber makes the result void, and the hub's own ledger has to add up. It returns how many events each group was sent.
func (s *setup) finish() (sent []uint64) {
	sent = must(s.fleet.Pause())
	s.drain()
	reports := must(s.fleet.Report(sent))
	total := swarm.Total(reports)
	s.result.Add(MetricFaults, float64(total.Faults.Sum()))
	if total.Faults.Sum() > 0 {
		s.result.void("%+v, for instance: %s", total.Faults, total.Example)
	}
	s.checkLedger(total.Delivered)
	return sent
}

// drain waits until nothing arrives any more.
func (s *setup) drain() {
	last, since := uint64(0), time.Now()
	for time.Since(since) < stallTimeout/6 {
		now := uint64(0)
		for group := range swarm.MaxGroups {
			now += s.fleet.Counters().Delivered(group)
		}
		if now != last {
			last, since = now, time.Now()
		}
		s.progress.report("draining")
		time.Sleep(pollEvery)
	}
}

// checkLedger holds the hub to its promise that every event is accounted for, and compares with what the subscribers received. An older
// build may lack a column: that is only noted.
func (s *setup) checkLedger(received uint64) {
	if s.server.Admin == "" {
		return
	}
	metrics, err := s.server.Metrics()
	if err != nil {
		s.result.Note("the ledger was not checked: %v", err)
		return
	}
	switch err := metrics.Ledger(received); {
	case errors.Is(err, server.ErrNoMetric) && s.target.Name != "hub":
		s.result.Note("the ledger was not checked: %v", err)
	case err != nil:
		s.result.void("%v", err)
	}
}

// checkEventsIn compares what was sent with the hub's own count, where it has one.
func (s *setup) checkEventsIn(sent uint64) {
	metrics, err := s.server.Metrics()
	if err != nil {
		return
	}
	if parsed, known := metrics[server.EventsIn]; known && parsed != float64(sent) {
		s.result.void("%d events were sent, the hub counted %.0f", sent, parsed)
	}
}
