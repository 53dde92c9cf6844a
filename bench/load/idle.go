//go:build linux

package load

import (
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
)

const (
	idleFirst   = 1000
	idleBytes   = 128
	idleChecks  = 2
	steadyBytes = 64 << 10
)

// idle connects and subscribes spokes and then leaves them alone: what each costs to connect, and to have.
type idle struct {
	spokes int
}

func (i idle) workload(label string) Workload {
	return workload(label, i.spokes, i.measure, "spokes=%d", i.spokes)
}

// footprint is the memory of the server and of the kernel with a number of spokes.
type footprint struct {
	spokes  int
	process server.Memory
	kernel  server.Kernel
	// metrics are empty for a server that has none.
	metrics server.Metrics
}

func (i idle) measure(s *setup) {
	spokes, first := i.spokes, min(idleFirst, i.spokes/2)
	empty := s.footprint(0)
	var few footprint
	var took time.Duration
	m := s.during(func() {
		took = s.connectIdle(0, first)
		few = s.footprint(first)
		took += s.connectIdle(first, spokes-first)
		s.awaitIdle()
	})
	many := s.footprint(spokes)
	s.saveHeap()
	s.result.Add(MetricConnects, float64(spokes)/took.Seconds())
	s.result.Add(MetricConnectCPU, microseconds(m.server.Whole, uint64(spokes)))
	s.result.Add(MetricConnectUser, microseconds(m.server.User(), uint64(spokes)))
	s.result.Add(MetricConnectSys, microseconds(m.server.System(), uint64(spokes)))
	if m.garbage >= 0 {
		s.result.Add(MetricGC, 100*m.garbage)
	}
	s.addFootprints(empty, few, many)
	s.probe(spokes, 0)
	s.finish()
}

// connectIdle opens subscribers that ask for no answer.
func (s *setup) connectIdle(first, count int) time.Duration {
	return s.connect(swarm.Plan{Group: groupMain, First: first, Count: count, Topics: 1, Size: idleBytes, Subscription: swarm.Subscription{Subscribe: true}}).Took
}

// footprint waits until the server's memory is steady, and reads it.
func (s *setup) footprint(spokes int) footprint {
	s.awaitIdle()
	last := must(s.server.Memory())
	for deadline := time.Now().Add(settleTimeout / 2); time.Now().Before(deadline); {
		s.wait(10*pollEvery, "waiting for steady memory")
		now := must(s.server.Memory())
		if difference := now.RSS - last.RSS; difference < steadyBytes && difference > -steadyBytes {
			break
		}
		last = now
	}
	metrics, _ := s.server.Metrics()
	return footprint{spokes: spokes, process: last, kernel: must(server.ReadKernel()), metrics: metrics}
}

// addFootprints adds bytes a spoke: of the whole process since it was empty, of the process from the first thousand on, and of
// the kernel for the server's end; and of what the process has, Go's heap and the stacks of goroutines.
func (s *setup) addFootprints(empty, few, many footprint) {
	spokes := float64(many.spokes)
	kernel := many.kernel.Buffers + many.kernel.Slabs - empty.kernel.Buffers - empty.kernel.Slabs
	s.result.Add(MetricMemory, float64(many.process.RSS-empty.process.RSS)/spokes)
	s.result.Add(MetricPSS, float64(many.process.PSS-empty.process.PSS)/spokes)
	s.result.Add(MetricSlope, float64(many.process.RSS-few.process.RSS)/float64(many.spokes-few.spokes))
	s.result.Add(MetricKernel, float64(kernel)/spokes/2)
	for name, metric := range map[string]string{MetricHeap: server.HeapBytes, MetricStacks: server.StackBytes} {
		if bytes, known := many.metrics[metric]; known {
			s.result.Add(name, (bytes-empty.metrics[metric])/spokes)
		}
	}
	if !many.kernel.Exact {
		s.result.Note("/proc/slabinfo can't be read: the kernel's memory is the growth of all its slabs")
	}
}

// probe publishes a few events, so that finish sees whether every spoke is subscribed. from is how many the topic has had.
func (s *setup) probe(spokes int, from uint64) {
	s.writer(groupWriters, 0)
	shared := s.fleet.Counters()
	before := shared.Completed()
	s.publishWindow(fanout{spokes: spokes, topics: 1, window: 1, bytes: idleBytes}, from)
	for since := time.Now(); shared.Completed() < before+idleChecks && time.Since(since) < stallTimeout; {
		time.Sleep(pollEvery)
	}
}
