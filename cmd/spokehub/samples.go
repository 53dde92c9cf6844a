package main

import (
	"math"
	"sync"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

const (
	// sampleInterval is how often the hub looks at its counters for the plots of operators.
	sampleInterval = 2 * time.Second
	// keptSamples are those of the last ten minutes.
	keptSamples = int(10 * time.Minute / sampleInterval)
)

// sample is what happened between two looks at the counters, and what the hub held at the second one.
type sample struct {
	// N counts samples from 1.
	N  uint64    `json:"n"`
	At time.Time `json:"at"`
	// Rates are of a second, and so are the Drops by reason.
	Rates       sampleRates `json:"rates"`
	Drops       sampleDrops `json:"drops"`
	Connections uint64      `json:"connections"`
	Queued      uint64      `json:"queued"`
	QueuedBytes uint64      `json:"queued_bytes"`
	MemoryBytes uint64      `json:"memory_bytes"`
	// Latency is that of the deliveries, nil if there were none.
	Latency *sampleLatency `json:"latency_ms,omitempty"`
}

// sampleRates are how often something happened, a second.
type sampleRates struct {
	Accepted     float64 `json:"accepted"`
	Disconnected float64 `json:"disconnected"`
	EventsIn     float64 `json:"events_in"`
	Dispatched   float64 `json:"dispatched"`
	Deliveries   float64 `json:"deliveries"`
	Delivered    float64 `json:"delivered"`
	BytesIn      float64 `json:"bytes_in"`
	BytesOut     float64 `json:"bytes_out"`
}

// sampleDrops are deliveries that were not made, a second, by reason.
type sampleDrops struct {
	Backpressure float64 `json:"backpressure"`
	Closed       float64 `json:"closed"`
	Budget       float64 `json:"budget"`
	Trimmed      float64 `json:"trimmed"`
	Superseded   float64 `json:"superseded"`
	Skipped      float64 `json:"skipped"`
}

// newSample compares two looks at the counters. It leaves out N.
func newSample(before, now fanout.Stats, took time.Duration, at time.Time) sample {
	rate := func(value func(fanout.Stats) uint64) float64 { return perSecond(value(before), value(now), took) }
	return sample{
		At: at,
		Rates: sampleRates{
			Accepted:     rate(func(s fanout.Stats) uint64 { return s.Accepted }),
			Disconnected: rate(func(s fanout.Stats) uint64 { return s.Disconnected }),
			EventsIn:     rate(func(s fanout.Stats) uint64 { return s.EventsIn }),
			Dispatched:   rate(func(s fanout.Stats) uint64 { return s.EventsDispatched }),
			Deliveries:   rate(func(s fanout.Stats) uint64 { return s.Deliveries }),
			Delivered:    rate(func(s fanout.Stats) uint64 { return s.Delivered }),
			BytesIn:      rate(func(s fanout.Stats) uint64 { return s.BytesIn }),
			BytesOut:     rate(func(s fanout.Stats) uint64 { return s.BytesOut }),
		},
		Drops: sampleDrops{
			Backpressure: rate(func(s fanout.Stats) uint64 { return s.DroppedBackpressure }),
			Closed:       rate(func(s fanout.Stats) uint64 { return s.DroppedClosed }),
			Budget:       rate(func(s fanout.Stats) uint64 { return s.DroppedBudget }),
			Trimmed:      rate(func(s fanout.Stats) uint64 { return s.DroppedTrimmed }),
			Superseded:   rate(func(s fanout.Stats) uint64 { return s.DroppedSuperseded }),
			Skipped:      rate(func(s fanout.Stats) uint64 { return s.DroppedSkipped }),
		},
		Connections: now.Connections,
		Queued:      now.Queued,
		QueuedBytes: now.QueuedBytes,
		MemoryBytes: now.Memory.Total(),
		Latency:     newSampleLatency(before.Latencies.Dispatch, now.Latencies.Dispatch),
	}
}

// perSecond is a rate with one decimal. A count that went down, as what lagging clients are owed can, is a rate of 0.
func perSecond(before, now uint64, took time.Duration) float64 {
	if now <= before || took <= 0 {
		return 0
	}
	return math.Round(10*float64(now-before)/took.Seconds()) / 10
}

// sampleRing keeps the last samples. Any goroutine may use it: mu guards all of it.
type sampleRing struct {
	mu   sync.Mutex
	kept [keptSamples]sample
	// added is how many there have been, and the number of the last one.
	added uint64
}

// add keeps a sample in place of the oldest one.
func (r *sampleRing) add(s sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.added++
	s.N = r.added
	r.kept[(r.added-1)%uint64(keptSamples)] = s
}

// since copies the samples with a higher number that are still there, the oldest first.
func (r *sampleRing) since(n uint64) []sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.added > uint64(keptSamples) {
		n = max(n, r.added-uint64(keptSamples))
	}
	found := make([]sample, 0, max(r.added, n)-n)
	for ; n < r.added; n++ {
		found = append(found, r.kept[n%uint64(keptSamples)])
	}
	return found
}

// record adds a sample at each tick, until stop is closed.
func (r *sampleRing) record(ticks <-chan time.Time, stats func() fanout.Stats, stop <-chan struct{}) {
	before, last := stats(), time.Now()
	for {
		select {
		case <-stop:
			return
		case <-ticks:
		}
		now, at := stats(), time.Now()
		r.add(newSample(before, now, at.Sub(last), at))
		before, last = now, at
	}
}
