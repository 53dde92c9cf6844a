package fanout

import (
	"math"
	"slices"
	"time"

	"github.com/spokehub/spokehub/netpoll"
)

// Latencies are how long things have taken since New. What they cost is some nanoseconds each, and a look at the clock for several.
type Latencies struct {
	// Dispatch is how long deliveries took, from when the hub had made the event's frame until the last byte was with the socket: one count
	// each, Stats.Delivered in all. What waits beside a full socket counts when it leaves. It leaves out what goes on ahead of the frame:
	// how long Publish or a spoke waits for room, and the broker's way. Events that leave for a spoke in one piece count as the oldest of
	// them. What a spoke is sent of a stream to catch up counts from when the hub took it up, for what it missed meanwhile is its own doing.
	Dispatch Latency
	// Handshake is from when the hub accepted a connection until the 101 was queued, with TLS where the hub speaks it, the wait for the
	// client's request, and Config.OnHandshake. ServeHTTP counts from its call, and AddConnection from its call until the spoke is open.
	Handshake Latency
	// Callback is how long callbacks and listeners ran on the worker pool: one count for each event that was heard, for each call of another hook,
	// and for each control event of whose topics Config.OnSubscribe was asked. Of quick ones several may share a look at the clock, up to
	// eight of one spoke: each counts as their mean. One that panics counts, one that ends its goroutine does not.
	Callback Latency
	// Resume is from when the first subscription of a spoke that said a position took effect, until the spoke got everything live. It counts once for
	// a spoke that comes back, and as 0 for a topic of which it has missed nothing. One that ends before is not counted.
	Resume Latency
}

// Latency is a histogram of durations. It is a copy, the caller's own.
type Latency struct {
	// Count is how many there were.
	Count uint64
	// Seconds is their sum.
	Seconds float64
	// Buckets are those that have a count, ascending.
	Buckets []LatencyBucket
}

// LatencyBucket is how many durations were longer than Above, and UpTo at the most. Bounds are eighths of powers of two: 2^(i/8) seconds, from 2^-20
// seconds, 0.95 us, to 64. What is shorter is in a bucket from 0, what is longer in one up to the longest Duration.
type LatencyBucket struct {
	// Above is the lower bound, UpTo the upper one, which belongs to the bucket.
	Above, UpTo time.Duration
	// Count is how many there were.
	Count uint64
}

// Quantile is the duration that a share q of all did not exceed, from 0 to 1: Quantile(0.99) is the 99th percentile. It is at most 9 % off, but
// for those outside the bounds of buckets. It is 0 if there are none.
func (l Latency) Quantile(q float64) time.Duration {
	rank := min(max(q, 0), 1) * float64(l.Count)
	for _, b := range l.Buckets {
		if rank <= float64(b.Count) {
			if b.UpTo == math.MaxInt64 {
				return b.Above
			}
			return b.Above + time.Duration(float64(b.UpTo-b.Above)*rank/float64(b.Count))
		}
		rank -= float64(b.Count)
	}
	return 0
}

// copy is l for a caller who may change it.
func (l Latency) copy() Latency {
	l.Buckets = slices.Clone(l.Buckets)
	return l
}

// copy is l for a caller who may change it.
func (l *Latencies) copy() Latencies {
	return Latencies{Dispatch: l.Dispatch.copy(), Handshake: l.Handshake.copy(), Callback: l.Callback.copy(), Resume: l.Resume.copy()}
}

// latencyOf is what a histogram has counted.
func latencyOf(h *netpoll.Histogram) Latency {
	l := Latency{Count: h.Count(), Seconds: h.Sum / float64(time.Second)}
	l.add(0, netpoll.HistogramBound(-1), h.Under)
	for i, n := range h.Counts {
		l.add(netpoll.HistogramBound(i-1), netpoll.HistogramBound(i), n)
	}
	l.add(netpoll.HistogramBound(netpoll.HistogramBuckets-1), math.MaxInt64, h.Over)
	return l
}

func (l *Latency) add(above, upTo time.Duration, count uint64) {
	if count > 0 {
		l.Buckets = append(l.Buckets, LatencyBucket{above, upTo, count})
	}
}

// loopLatencies are those that a loop counts. They belong to its goroutine.
type loopLatencies struct {
	handshakeTimes netpoll.Histogram
	resumeTimes    netpoll.Histogram
}

// addTo adds what the loop has counted, and how long its deliveries took.
func (n *loopLatencies) addTo(sum *latencySums, sender *netpoll.Sender) {
	sum.handshakeTimes.Add(&n.handshakeTimes)
	sum.resumeTimes.Add(&n.resumeTimes)
	sender.AddLatency(&sum.dispatch)
}

// latencySums are those of all loops.
type latencySums struct {
	loopLatencies
	dispatch netpoll.Histogram
}

// latencies are what Stats tells of them.
func (sum *latencySums) latencies(w *workers) Latencies {
	return Latencies{Dispatch: latencyOf(&sum.dispatch), Handshake: latencyOf(&sum.handshakeTimes), Callback: w.latency(), Resume: latencyOf(&sum.resumeTimes)}
}
