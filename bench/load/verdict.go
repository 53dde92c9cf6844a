//go:build linux

package load

import (
	"fmt"
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
)

// settle ends the publishers, waits until what they sent has arrived, and judges: a lost, doubled or reordered event at a healthy
// subscriber makes the result void, and the hub's own ledger has to add up. It says how many events each group was sent.
func (s *Stand) settle() (sent []uint64, err error) {
	sent, err = s.fleet.Pause()
	if err != nil {
		return nil, err
	}
	s.drain()
	reports, err := s.fleet.Report(sent)
	if err != nil {
		return nil, err
	}
	var faults swarm.Faults
	delivered := uint64(0)
	for _, report := range reports {
		faults.Add(report.Faults)
		delivered += report.Delivered
	}
	s.result.Add(MetricFaults, float64(faults.Sum()))
	if faults.Sum() > 0 {
		s.result.Failed = true
		s.result.Note("void: %s%s", describe(faults), example(reports))
	}
	s.checkLedger(delivered)
	return sent, nil
}

// drain waits until nothing arrives any more.
func (s *Stand) drain() {
	last, since := uint64(0), time.Now()
	for time.Since(since) < stallTimeout/6 {
		now := uint64(0)
		for group := range swarm.MaxGroups {
			now += s.fleet.Board().Delivered(group)
		}
		if now != last {
			last, since = now, time.Now()
		}
		s.progress.tell("draining")
		time.Sleep(pollEvery)
	}
}

func describe(f swarm.Faults) string {
	return fmt.Sprintf("%d lost, %d doubled, %d reordered, %d of other topics, %d malformed, %d healthy connections closed",
		f.Lost, f.Doubled, f.Reordered, f.Foreign, f.Malformed, f.Closed)
}

func example(reports []swarm.Report) string {
	for _, report := range reports {
		if report.Example != "" {
			return " (for instance: " + report.Example + ")"
		}
	}
	return ""
}

// closes adds up close codes over the groups.
func closes(reports []swarm.Report) map[uint16]int {
	all := map[uint16]int{}
	for _, report := range reports {
		for code, n := range report.Closes {
			all[code] += n
		}
	}
	return all
}
