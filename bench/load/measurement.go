//go:build linux

package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

// generatorBound is the share of its core from which a client process counts as the bottleneck.
const generatorBound = 0.95

// counts are what the clients have counted: events by group, writes, and answers to them.
type counts struct {
	delivered      [swarm.MaxGroups]uint64
	sent, answered uint64
}

// reading is what can be read at one moment.
type reading struct {
	at         time.Time
	server     server.CPU
	generators []time.Duration
	counts
}

// measurement is the difference of two readings.
type measurement struct {
	took   time.Duration
	server server.CPU
	// generator is the share of its core that the busiest client process used.
	generator float64
	counts
	// garbage is the share of the server's CPU time spent on garbage collection; negative if unknown.
	garbage float64
}

// over measures for the time that the settings give. Latency starts anew.
func (s *setup) over(what string) measurement {
	d := s.settings.duration()
	check(s.fleet.Mark())
	profiled := s.startProfile(d)
	m := s.during(func() { s.wait(d, what) })
	check(<-profiled)
	return m
}

// during measures what happens while work runs.
func (s *setup) during(work func()) measurement {
	metrics, _ := s.server.Metrics()
	garbage, known := metrics.GarbageSeconds()
	before := s.read()
	work()
	m := s.read().since(before)
	m.garbage = -1
	metrics, _ = s.server.Metrics()
	if after, again := metrics.GarbageSeconds(); known && again && m.server.Whole > 0 {
		m.garbage = (after - garbage) / m.server.Whole.Seconds()
	}
	return m
}

func (s *setup) read() (r reading) {
	for _, pid := range s.fleet.Processes() {
		r.generators = append(r.generators, must(server.ReadCPU(pid)).Whole)
	}
	shared := s.fleet.Counters()
	for group := range r.delivered {
		r.delivered[group] = shared.Delivered(group)
	}
	r.sent, r.answered = shared.Sent(), shared.Answered()
	r.at = time.Now()
	r.server = must(server.ReadCPU(s.server.PID()))
	return r
}

func (r reading) since(before reading) measurement {
	m := measurement{took: r.at.Sub(before.at), server: r.server.Since(before.server)}
	for i := range r.generators {
		m.generator = max(m.generator, (r.generators[i]-before.generators[i]).Seconds()/m.took.Seconds())
	}
	for group := range r.delivered {
		m.delivered[group] = r.delivered[group] - before.delivered[group]
	}
	m.sent, m.answered = r.sent-before.sent, r.answered-before.answered
	return m
}

// startProfile has the hub record where its CPU time goes, if the settings ask for it. The channel gives the outcome once the file is
// written.
func (s *setup) startProfile(d time.Duration) <-chan error {
	done := make(chan error, 1)
	if s.settings.Profile == "" || s.server.Admin == "" {
		done <- nil
		return done
	}
	s.profiles++
	file := s.profileFile(strconv.Itoa(s.profiles))
	go func() {
		defer file.Close()
		done <- s.server.Profile(max(1, int(d.Seconds())), file)
	}()
	return done
}

// saveHeap has the hub write what its memory is for, if the settings ask for profiles.
func (s *setup) saveHeap() {
	if s.settings.Profile == "" || s.server.Admin == "" {
		return
	}
	file := s.profileFile("heap")
	defer file.Close()
	check(s.server.Heap(file))
}

// profileFile makes a file for a profile of this run.
func (s *setup) profileFile(what string) *os.File {
	name := strings.NewReplacer("/", "_", " ", "_", "=", "-").Replace(s.name)
	return must(os.Create(filepath.Join(s.settings.Profile, fmt.Sprintf("%s_%s.pprof", name, what))))
}

// microseconds divides a time by a number of operations.
func microseconds(d time.Duration, operations uint64) float64 {
	return d.Seconds() * 1e6 / float64(operations)
}

// addCPU adds the server's CPU time per operation, and who was busy.
func (r *Result) addCPU(m measurement, operations uint64) {
	if operations > 0 {
		r.Add(MetricCPU, microseconds(m.server.Whole, operations))
		r.Add(MetricUser, microseconds(m.server.User(), operations))
		r.Add(MetricSystem, microseconds(m.server.System(), operations))
	}
	r.Add(MetricServerCPU, 100*m.server.Whole.Seconds()/m.took.Seconds())
	r.Add(MetricGenerator, 100*m.generator)
	if m.garbage >= 0 {
		r.Add(MetricGC, 100*m.garbage)
	}
	if m.generator >= generatorBound {
		r.Note("the generator was the bottleneck: a client process used %.0f %% of its core", 100*m.generator)
	}
}

// addLatency adds the usual points of a distribution, with a prefix to their names.
func (r *Result) addLatency(prefix string, l *swarm.Latency) {
	r.Add(prefix+MetricP50, l.Quantile(0.5).Seconds()*1e3)
	r.Add(prefix+MetricP99, l.Quantile(0.99).Seconds()*1e3)
	r.Add(prefix+MetricP999, l.Quantile(0.999).Seconds()*1e3)
	r.Add(prefix+MetricMax, l.Max().Seconds()*1e3)
}
