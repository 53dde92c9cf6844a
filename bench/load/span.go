//go:build linux

package load

import (
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
)

const generatorBound = 0.95

// reading is what can be read at one moment.
type reading struct {
	at         time.Time
	server     cpuTime
	generators []cpuTime
	delivered  [swarm.MaxGroups]uint64
	sent       uint64
	answered   uint64
}

// span is the difference of two readings.
type span struct {
	took      time.Duration
	server    cpuTime
	generator float64
	delivered [swarm.MaxGroups]uint64
	sent      uint64
	answered  uint64
	garbage   float64
	collected bool
}

func (s *Stand) read() (r reading, err error) {
	if r.generators, err = readAllCPU(s.fleet.Processes()); err != nil {
		return reading{}, err
	}
	board := s.fleet.Board()
	for group := range r.delivered {
		r.delivered[group] = board.Delivered(group)
	}
	r.sent, r.answered = board.Sent(), board.Answered()
	r.at = time.Now()
	r.server, err = readCPU(s.server.PID())
	return r, err
}

// over reads, lets time pass, and reads again. Latency starts anew.
func (s *Stand) over(d time.Duration, what string) (span, error) {
	if err := s.fleet.Mark(); err != nil {
		return span{}, err
	}
	profiled := s.startProfile(d)
	garbageBefore, collected := s.garbageSeconds()
	before, err := s.read()
	if err != nil {
		return span{}, err
	}
	if err := s.wait(d, what); err != nil {
		return span{}, err
	}
	after, err := s.read()
	if err != nil {
		return span{}, err
	}
	if err := <-profiled; err != nil {
		return span{}, err
	}
	between := after.since(before)
	s.shareGarbage(&between, garbageBefore, collected)
	return between, nil
}

// shareGarbage adds the share of garbage collection since an earlier reading of garbageSeconds, where that is known.
func (s *Stand) shareGarbage(between *span, before float64, known bool) {
	after, again := s.garbageSeconds()
	if known && again && between.server.total() > 0 {
		between.collected = true
		between.garbage = (after - before) / between.server.total().Seconds()
	}
}

func (r reading) since(before reading) span {
	between := span{took: r.at.Sub(before.at), server: r.server.since(before.server)}
	for i := range r.generators {
		used := r.generators[i].since(before.generators[i]).total()
		between.generator = max(between.generator, used.Seconds()/between.took.Seconds())
	}
	for group := range r.delivered {
		between.delivered[group] = r.delivered[group] - before.delivered[group]
	}
	between.sent = r.sent - before.sent
	between.answered = r.answered - before.answered
	return between
}

// each is the server's CPU time an operation, in microseconds.
func (b span) each(operations uint64) float64 {
	return b.server.total().Seconds() * 1e6 / float64(operations)
}

// addCPU adds the server's CPU per operation, and who was busy.
func (r *Result) addCPU(b span, operations uint64) {
	if operations > 0 {
		each := func(d time.Duration) float64 { return d.Seconds() * 1e6 / float64(operations) }
		r.Add(MetricCPU, each(b.server.total()))
		r.Add(MetricUser, each(b.server.user()))
		r.Add(MetricSystem, each(b.server.system()))
	}
	r.Add(MetricServerCPU, 100*b.server.total().Seconds()/b.took.Seconds())
	r.Add(MetricGenerator, 100*b.generator)
	if b.collected {
		r.Add(MetricGC, 100*b.garbage)
	}
	if b.generator >= generatorBound {
		r.Note("the generator was the bottleneck: a client process used %.0f %% of its core", 100*b.generator)
	}
}

// addLatency adds the usual points of a distribution.
func (r *Result) addLatency(l *swarm.Latency, p50, p99, p999, most string) {
	milliseconds := func(d time.Duration) float64 { return d.Seconds() * 1e3 }
	for _, point := range []struct {
		name  string
		value time.Duration
	}{{p50, l.Quantile(0.5)}, {p99, l.Quantile(0.99)}, {p999, l.Quantile(0.999)}, {most, l.Max()}} {
		if point.name != "" {
			r.Add(point.name, milliseconds(point.value))
		}
	}
}
