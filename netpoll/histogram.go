package netpoll

import (
	"math"
	"math/bits"
	"time"
)

const (
	// octaveBuckets is how many buckets a doubling has: schema 3 of the native histograms of Prometheus.
	octaveBuckets = 8
	// firstExponent and lastExponent: buckets begin at 2^firstExponent seconds, just below a microsecond, and end at 2^lastExponent.
	firstExponent = -20
	lastExponent  = 6
	// HistogramBuckets is how many buckets a histogram has between those two.
	HistogramBuckets = octaveBuckets * (lastExponent - firstExponent)
	// HistogramFirstIndex is the index of the first bucket by the rule of Prometheus: bucket i ends at 2^(i/8) seconds, and includes that.
	HistogramFirstIndex = octaveBuckets*firstExponent + 1
)

// Histogram counts durations in exponential buckets, eight a doubling, so that each quantile is known to 9 %. It has one owner, takes no
// lock and no memory, and costs some nanoseconds an observation. The zero value is empty.
//
// I1: the sum of Under, Over and all Counts is the sum of the weights observed.
type Histogram struct {
	// Counts are those of the buckets, of which the one at i ends at HistogramBound(i).
	Counts [HistogramBuckets]uint64
	// Under are those of up to 2^-20 seconds, or negative; Over those of more than 64 seconds.
	Under, Over uint64
	// Sum is that of all durations in nanoseconds, each as often as its weight says.
	Sum float64
}

// Observe counts a duration weight times.
func (h *Histogram) Observe(d time.Duration, weight uint64) {
	switch {
	case d <= lowestBound:
		h.Under += weight
		if d < 0 {
			return
		}
	case d > highestBound:
		h.Over += weight
	default:
		h.Counts[bucketOf(uint64(d))] += weight
	}
	h.Sum += float64(d) * float64(weight)
}

// Add adds what another histogram has counted.
func (h *Histogram) Add(other *Histogram) {
	for i, n := range other.Counts {
		h.Counts[i] += n
	}
	h.Under += other.Under
	h.Over += other.Over
	h.Sum += other.Sum
}

// Count is how much was observed.
func (h *Histogram) Count() uint64 {
	n := h.Under + h.Over
	for _, count := range h.Counts {
		n += count
	}
	return n
}

// HistogramBound is where the bucket at i ends, and the next one begins. What is as long as that belongs to the former. The bound ahead of
// the first bucket is that of -1.
func HistogramBound(i int) time.Duration {
	if i < 0 {
		return lowestBound
	}
	return time.Duration(bounds[i])
}

var (
	lowestBound  = boundOf(firstExponent)
	highestBound = boundOf(lastExponent)
	bounds       = makeBounds()
	guesses      = makeGuesses()
)

// boundOf is so many octaves from a second.
func boundOf(octaves float64) time.Duration {
	return time.Duration(math.Exp2(octaves) * float64(time.Second))
}

func makeBounds() (all [HistogramBuckets]uint64) {
	for i := range all {
		all[i] = uint64(boundOf(firstExponent + float64(i+1)/octaveBuckets))
	}
	return all
}

// guessBits is how many bits behind the first one a guess goes by.
const guessBits = 3

// guessOf is the place in guesses of a number of nanoseconds.
func guessOf(v uint64) int {
	n := bits.Len64(v)
	return n<<guessBits | int(v>>(n-1-guessBits))&(1<<guessBits-1)
}

// makeGuesses finds the first bucket that numbers with the same first bits may belong to. The others are the next two at the most.
func makeGuesses() (all [64 << guessBits]uint8) {
	at := 0
	for n := guessBits + 1; n <= 40; n++ {
		for i := range 1 << guessBits {
			least := uint64(1<<guessBits|i) << (n - 1 - guessBits)
			for at < HistogramBuckets-1 && bounds[at] < least {
				at++
			}
			all[n<<guessBits|i] = uint8(at)
		}
	}
	return all
}

// bucketOf is the bucket of a duration between the lowest and the highest bound.
func bucketOf(v uint64) int {
	i := int(guesses[guessOf(v)])
	for bounds[i] < v {
		i++
	}
	return i
}
