//go:build linux

package main

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	bucket = 100 * time.Millisecond
	// narrowest is how long the middle half of a wave must take. Full jitter over the shortest pause of half a second makes 250 ms, one pause
	// for all next to nothing, or what a busy machine needs for so many connects.
	narrowest = 100 * time.Millisecond
	// fewestJudged is how many clients a wave must have for its width to mean something.
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

// width is how long the middle half of a wave takes.
func (w wave) width() time.Duration {
	if len(w.delays) == 0 {
		return 0
	}
	delays := slices.Sorted(slices.Values(w.delays))
	return delays[len(delays)*3/4] - delays[len(delays)/4]
}

// judgeSpread wants the clients of each kind to come back spread after all lines were cut: the median of those waves counts. A hub that dies
// lets go of its lines one after another, and one that drains tells clients when to come. A process that did not get to run may have all its
// clients come at once, so that wave does not count either.
func judgeSpread(waves []wave) (problems []string) {
	widths := map[string][]time.Duration{}
	for _, w := range waves {
		if w.what == cutAll && len(w.delays) >= fewestJudged && !w.disturbed {
			widths[w.kind] = append(widths[w.kind], w.width())
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(widths)) {
		slices.Sort(widths[kind])
		if median := widths[kind][(len(widths[kind])-1)/2]; median < narrowest {
			problems = append(problems, fmt.Sprintf("half of the clients in %s came back within %v after all lines were cut, want them spread over %v or more",
				kind, median.Round(time.Millisecond), narrowest))
		}
	}
	return problems
}
