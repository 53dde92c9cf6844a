//go:build linux

package load

import (
	"io"

	"github.com/spokehub/spokehub/bench/server"
)

// keptEnvelope is how many bytes of an envelope of a room are not its payload.
const keptEnvelope = len(`{"type":"room","id":"00000000","payload":}`)

// kept publishes events to a stream that nobody is subscribed to, and shows what memory those take that it keeps.
type kept struct {
	events, payload int
}

func (k kept) workload(label string) Workload {
	w := workload(label, 1, k.measure, "events=%d/payload=%d", k.events, k.payload)
	w.streams = true
	return w
}

func (k kept) measure(s *setup) {
	s.publishNow(1, 1, k.payload+keptEnvelope)
	before := s.collected()
	m := s.during(func() { s.publishNow(1, k.events, k.payload+keptEnvelope) })
	after := s.collected()
	events := float64(k.events)
	s.result.Add(MetricKeptHeap, (after[server.HeapBytes]-before[server.HeapBytes])/events)
	s.result.Add(MetricKept, (after[server.StreamBytes]-before[server.StreamBytes])/events)
	s.result.addCPU(m, uint64(k.events))
	if got := after[server.StreamEvents] - before[server.StreamEvents]; got != events {
		s.result.void("the stream keeps %.0f events more than before, want %.0f: figures would be of fewer", got, events)
	}
	s.finish()
}

// collected are the metrics of the hub right after a garbage collection.
func (s *setup) collected() server.Metrics {
	check(s.server.Heap(io.Discard))
	return must(s.server.Metrics())
}
