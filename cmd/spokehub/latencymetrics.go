package main

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/spokehub/spokehub/fanout"
)

// latencyDesc is one histogram of /metrics and where it stands in the hub's latencies.
type latencyDesc struct {
	desc  *prometheus.Desc
	value func(fanout.Latencies) fanout.Latency
}

// latencyDescs are all of them.
var latencyDescs = []latencyDesc{
	{prometheus.NewDesc("spokehub_dispatch_seconds",
		"How long deliveries took, from when the hub had the event until the socket had its last byte; one count each, spokehub_delivered_total in all.", nil, nil),
		func(l fanout.Latencies) fanout.Latency { return l.Dispatch }},
	{prometheus.NewDesc("spokehub_handshake_seconds",
		"How long handshakes took that the hub accepted, from when the connection was accepted until it was answered with 101: TLS, the client's request, and the decision on who it is.", nil, nil),
		func(l fanout.Latencies) fanout.Latency { return l.Handshake }},
	{prometheus.NewDesc("spokehub_callback_seconds",
		"How long callbacks and listeners ran on the workers. Of several quick ones each counts as their mean.", nil, nil),
		func(l fanout.Latencies) fanout.Latency { return l.Callback }},
	{prometheus.NewDesc("spokehub_resume_seconds",
		"How long clients that came back with a position took until they got everything live.", nil, nil),
		func(l fanout.Latencies) fanout.Latency { return l.Resume }},
}

const (
	// latencySchema says that native buckets end at 2^(i/8) seconds, as those of the hub do.
	latencySchema  = 3
	latencyOctaves = 1 << latencySchema
	// zeroThreshold is where the buckets of the hub begin.
	zeroThreshold = 0x1p-20
	// classicFirst is the binary exponent of the first classic bound, of which there are classicBounds, each four times the one before: 4 us to 16 s.
	classicFirst  = -18
	classicBounds = 12
	classicStep   = 2
)

// latencyMetric is a histogram for prometheus: with native buckets, and with classic ones for who asks for text. Bounds of the latter are bounds of
// the former, so both are exact.
type latencyMetric struct {
	desc    *prometheus.Desc
	latency fanout.Latency
}

// Desc is for prometheus.Metric.
func (m latencyMetric) Desc() *prometheus.Desc { return m.desc }

// Write is for prometheus.Metric.
func (m latencyMetric) Write(out *dto.Metric) error {
	h := &dto.Histogram{
		SampleCount:   new(m.latency.Count),
		SampleSum:     new(m.latency.Seconds),
		Schema:        new(int32(latencySchema)),
		ZeroThreshold: new(zeroThreshold),
		ZeroCount:     new(uint64(0)),
		Bucket:        classicBuckets(m.latency.Buckets),
	}
	previous, before := int32(0), int64(0)
	for _, b := range m.latency.Buckets {
		if b.Above == 0 {
			*h.ZeroCount = b.Count
			continue
		}
		index := nativeIndex(b)
		if last := len(h.PositiveSpan) - 1; last >= 0 && index == previous+1 {
			*h.PositiveSpan[last].Length++
		} else {
			offset := index
			if last >= 0 {
				offset -= previous + 1
			}
			h.PositiveSpan = append(h.PositiveSpan, &dto.BucketSpan{Offset: new(offset), Length: new(uint32(1))})
		}
		h.PositiveDelta = append(h.PositiveDelta, int64(b.Count)-before)
		previous, before = index, int64(b.Count)
	}
	out.Histogram = h
	return nil
}

// nativeIndex is the index of a bucket. What is longer than all others is in the one behind them.
func nativeIndex(b fanout.LatencyBucket) int32 {
	above := int32(math.Round(latencyOctaves * math.Log2(b.Above.Seconds())))
	return above + 1
}

// classicBuckets adds buckets up, as a dozen bounds have it.
func classicBuckets(buckets []fanout.LatencyBucket) (classic []*dto.Bucket) {
	n := uint64(0)
	for i := range classicBounds {
		bound := math.Exp2(float64(classicFirst + classicStep*i))
		for len(buckets) > 0 && buckets[0].UpTo <= time.Duration(bound*float64(time.Second)) {
			n += buckets[0].Count
			buckets = buckets[1:]
		}
		classic = append(classic, &dto.Bucket{CumulativeCount: new(n), UpperBound: new(bound)})
	}
	return classic
}
