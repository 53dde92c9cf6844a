//go:build linux

package main

import (
	"fmt"
	"slices"
	"time"
)

const (
	bucket = 100 * time.Millisecond
	// mostInBucket is the largest share of a wave that may come in one bucket, in percent. Full jitter up to the shortest pause of half a
	// second makes 20, and one pause for all nearly 100; a busy machine has some wait for each other.
	mostInBucket = 70
	// fewestJudged is how many clients a wave must have for its shares to mean something.
	fewestJudged = 40
)

// histogram counts the delays of a wave by bucket.
func (w wave) histogram() (counts []int) {
	for _, delay := range w.delays {
		at := int(delay / bucket)
		for len(counts) <= at {
			counts = append(counts, 0)
		}
		counts[at]++
	}
	return counts
}

// peak is the largest share in one bucket, in percent.
func (w wave) peak() float64 {
	if len(w.delays) == 0 {
		return 0
	}
	return 100 * float64(slices.Max(w.histogram())) / float64(len(w.delays))
}

// judgeSpread wants clients to come back spread.
func judgeSpread(waves []wave) (problems []string) {
	for _, w := range waves {
		if peak := w.peak(); len(w.delays) >= fewestJudged && peak > mostInBucket {
			problems = append(problems, fmt.Sprintf("after %v: %.0f %% of %d clients in %s came back within the same %v, want at most %d %%",
				w.what, peak, len(w.delays), w.kind, bucket, mostInBucket))
		}
	}
	return problems
}
