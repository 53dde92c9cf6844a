package netpoll

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestHistogramPutsDurationsWhereTheirLogarithmSays(t *testing.T) {
	check := func(d time.Duration) {
		t.Helper()
		var h Histogram
		h.Observe(d, 3)
		index := int(math.Ceil(math.Log2(d.Seconds())*octaveBuckets)) - HistogramFirstIndex
		for i, n := range h.Counts {
			want := uint64(0)
			if i == index {
				want = 3
			}
			if n != want {
				t.Fatalf("%v: got %d in bucket %d, want 3 in bucket %d", d, n, i, index)
			}
		}
		if h.Count() != 3 || h.Sum != 3*float64(d) {
			t.Fatalf("%v: got a count of %d and a sum of %v, want 3 and %d", d, h.Count(), h.Sum, 3*d)
		}
	}
	for range 20000 {
		check(time.Duration(float64(time.Microsecond) * math.Exp2(rand.Float64()*25.9)))
	}
	for i := range HistogramBuckets - 1 {
		check(HistogramBound(i) + 1)
		if i%octaveBuckets != octaveBuckets-1 {
			check(HistogramBound(i))
		}
	}
}

func TestHistogramCountsWhatIsOutsideItsBuckets(t *testing.T) {
	var h, sum Histogram
	h.Observe(-time.Second, 1)
	h.Observe(0, 1)
	h.Observe(HistogramBound(-1), 1)
	h.Observe(HistogramBound(HistogramBuckets-1), 5)
	h.Observe(64*time.Second+1, 7)
	h.Observe(time.Hour, 1)
	if h.Under != 3 || h.Over != 8 || h.Counts[HistogramBuckets-1] != 5 {
		t.Errorf("got %d under, %d over and %d in the last bucket, want 3, 8 and 5", h.Under, h.Over, h.Counts[HistogramBuckets-1])
	}
	sum.Add(&h)
	sum.Add(&h)
	if sum.Count() != 32 || sum.Sum != 2*h.Sum {
		t.Errorf("got a count of %d and a sum of %v for two of %d and %v", sum.Count(), sum.Sum, h.Count(), h.Sum)
	}
}

func TestHistogramTakesNoMemory(t *testing.T) {
	h := new(Histogram)
	if n := testing.AllocsPerRun(100, func() { h.Observe(time.Millisecond, 1) }); n != 0 {
		t.Errorf("got %v allocations an observation, want none", n)
	}
}

func BenchmarkHistogramObserve(b *testing.B) {
	var h Histogram
	for i := range b.N {
		h.Observe(time.Duration(1000+i*977%100000000), 1)
	}
}
