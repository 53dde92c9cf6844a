//go:build linux

package load

import (
	"fmt"
	"time"
)

const (
	closeBackpressure = 1013
	slowEvery         = 10
	lookEvery         = time.Second
)

// Slow publishes on a schedule, has every tenth spoke stop reading after a while, and shows what the others see of it.
type Slow struct {
	// Spokes are the subscribers, Bytes is the length of an envelope.
	Spokes, Bytes int
	// PerSecond is how many events are published.
	PerSecond float64
}

// Name tells the parameters.
func (w Slow) Name() string {
	return fmt.Sprintf("spokes=%d/rate=%g/bytes=%d", w.Spokes, w.PerSecond, w.Bytes)
}

func (w Slow) connections() int { return w.Spokes }

func (w Slow) processes() int { return 1 }

func (w Slow) measure(s *Stand) error {
	if err := s.subscribe(groupMain, s.fit(w.Spokes), 0, 1, w.Bytes); err != nil {
		return err
	}
	if err := s.writer(groupWriters, 0); err != nil {
		return err
	}
	if err := s.publishRate(groupMain, groupWriters, 0, 1, w.Bytes, w.PerSecond, 0); err != nil {
		return err
	}
	if err := s.wait(s.settings.warmup(), "warming up"); err != nil {
		return err
	}
	if _, err := s.over(s.settings.duration(), "measuring with all reading"); err != nil {
		return err
	}
	calm, err := s.fleet.Report(nil)
	if err != nil {
		return err
	}
	stalled, err := s.fleet.Stall(groupMain, slowEvery)
	if err != nil {
		return err
	}
	between, err := w.overStalled(s, stalled)
	if err != nil {
		return err
	}
	if err := s.addGroupLatency(groupMain); err != nil {
		return err
	}
	memory, err := readMemory(s.server.PID())
	if err != nil {
		return err
	}
	before := calm[groupMain].Latency.Quantile(0.99)
	after, _ := s.result.Value(MetricP99)
	s.result.Add(MetricCalmP99, before.Seconds()*1e3)
	s.result.Add(MetricStallRatio, after/(before.Seconds()*1e3))
	s.result.addCPU(between, between.delivered[groupMain])
	s.result.Add(MetricPeakMemory, float64(memory.rss)/1e6)
	return w.wake(s, stalled)
}

// overStalled measures while some don't read. Once a server that tells has closed all of them, they wake and may read why: a
// client that sleeps on gets no close frame from anybody who doesn't wait for it for ever.
func (w Slow) overStalled(s *Stand, stalled int) (span, error) {
	if err := s.fleet.Mark(); err != nil {
		return span{}, err
	}
	garbage, collected := s.garbageSeconds()
	before, err := s.read()
	if err != nil {
		return span{}, err
	}
	what := fmt.Sprintf("measuring with %d stalled", stalled)
	end := time.Now().Add(w.overflow(s.settings))
	for asleep := true; time.Now().Before(end); {
		if err := s.wait(lookEvery, what); err != nil {
			return span{}, err
		}
		if asleep && s.closesSent() >= stalled {
			asleep = false
			if _, err := s.fleet.Resume(groupMain); err != nil {
				return span{}, err
			}
		}
	}
	after, err := s.read()
	if err != nil {
		return span{}, err
	}
	between := after.since(before)
	s.shareGarbage(&between, garbage, collected)
	return between, nil
}

// closesSent is how many close frames the hub says it has sent; 0 of a server that doesn't tell.
func (s *Stand) closesSent() int {
	samples, err := s.scrape()
	if err != nil {
		return 0
	}
	return int(samples["spokehub_closes_total"])
}

// overflow is how long the stalled ones stay so: time enough for some 6 MB each, more than the kernel and the hub hold, but in a quick
// pass.
func (w Slow) overflow(settings Settings) time.Duration {
	if settings.Short {
		return settings.duration()
	}
	const fill = 6 << 20
	return max(settings.duration(), time.Duration(fill/(w.PerSecond*float64(w.Bytes))*float64(time.Second)))
}

// wake lets the stalled ones read what is left for them, to the close frame if there is one.
func (w Slow) wake(s *Stand, stalled int) error {
	if _, err := s.settle(); err != nil {
		return err
	}
	if _, err := s.fleet.Resume(groupMain); err != nil {
		return err
	}
	if err := s.wait(s.settings.warmup(), "waiting for close frames"); err != nil {
		return err
	}
	reports, err := s.fleet.Report(nil)
	if err != nil {
		return err
	}
	codes := closes(reports)
	s.result.Add(MetricClosed1013, float64(codes[closeBackpressure]))
	s.result.Note("%d stalled; connections ended by the server, by close code: %v", stalled, codes)
	return nil
}
