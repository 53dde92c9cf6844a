package loadtest

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// tally is what one subscriber got. Its client's goroutine adds, and whoever sums up reads; mu guards it.
//
// I1: got counts each number of 1 to next-1, and those above it that came early, once.
type tally struct {
	mu sync.Mutex
	// next is the number that is due, and seen those that came ahead of it, one bit each, by 64.
	next int64
	seen map[int64]uint64
	// highest is the highest number that came.
	highest int64
	// got are different events, doubled those that came again, and disordered those behind a later one.
	got, doubled, disordered int64
}

// add counts an event, and reports whether it came for the first time.
func (t *tally) add(number int64) (isNew bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	word, bit := number/64, uint64(1)<<(number%64)
	switch {
	case number == t.next:
		t.next++
	case number < t.next || t.seen[word]&bit != 0:
		t.doubled++
		return false
	default:
		if t.seen == nil {
			t.seen = map[int64]uint64{}
		}
		t.seen[word] |= bit
	}
	t.got++
	if number < t.highest {
		t.disordered++
	}
	t.highest = max(t.highest, number)
	for len(t.seen) > 0 && t.seen[t.next/64]&(1<<(t.next%64)) != 0 {
		t.next++
		delete(t.seen, t.next/64-1)
	}
	delete(t.seen, t.next/64-1)
	return true
}

// latencies collects how long deliveries took, in all and second by second. Any goroutine may add.
type latencies struct {
	mu      sync.Mutex
	all     *hdrhistogram.Histogram
	current *hdrhistogram.Histogram
	seconds []Second
}

// The range of a histogram, in microseconds, and its precision in digits.
const (
	longest   = int64(5 * time.Minute / time.Microsecond)
	precision = 3
)

func newLatencies() *latencies {
	return &latencies{all: hdrhistogram.New(1, longest, precision), current: hdrhistogram.New(1, longest, precision)}
}

func (l *latencies) add(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	us := min(max(took.Microseconds(), 1), longest)
	l.all.RecordValue(us)
	l.current.RecordValue(us)
}

// endSecond closes a second of the timeline.
func (l *latencies) endSecond() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seconds = append(l.seconds, Second{
		Delivered: l.current.TotalCount(), P50: ms(l.current, 50), P99: ms(l.current, 99), Max: ms(l.current, 100),
	})
	l.current.Reset()
}

// ms is a percentile in milliseconds.
func ms(h *hdrhistogram.Histogram, percentile float64) float64 {
	return float64(h.ValueAtPercentile(percentile)) / 1000
}
