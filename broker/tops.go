package broker

import (
	"context"
	"time"
)

const (
	// TopsAtOnce is of how many streams the tops are asked for at a time.
	TopsAtOnce = 512
	// TopsGrace is how long events that the tops tell of may be on their way: until then a stream that brings them is not read.
	TopsGrace = 100 * time.Millisecond

	// topsPause is how often the tops of all streams are compared, in case the last events of one have been lost, and nothing has come since that would tell.
	topsPause = 10 * time.Second
	// topsRetry is how soon they are asked for again if that has failed.
	topsRetry = 2 * time.Second
	// topsShare bounds the time that comparing takes: it rests topsShare times as long as it took, up to topsPause.
	topsShare = 4
)

// topsSoon is how soon they are compared again, time after time, once the engine is back or events may have been lost. Servers of a cluster learn from each other whom
// somebody has connected to, and what he asks for: what they store meanwhile may be missing though the first comparison showed nothing.
var topsSoon = [...]time.Duration{250 * time.Millisecond, 750 * time.Millisecond, 2 * time.Second}

// WatchTops calls compare from time to time, and several times soon after something is in wanted, until ctx ends. Compare is to compare the tops of all streams with
// what has come of them, and says whether the engine has told them all. Whoever follows streams needs that: engines may lose the last event of one without a word.
func WatchTops(ctx context.Context, wanted <-chan struct{}, compare func(context.Context) bool) {
	timer := time.NewTimer(topsPause)
	defer timer.Stop()
	soon := topsSoon[:0]
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-wanted:
			soon = topsSoon[:]
		}
		pause, began := topsPause, time.Now()
		isTold := compare(ctx)
		switch {
		case len(soon) > 0:
			pause, soon = soon[0], soon[1:]
		case !isTold:
			pause = topsRetry
		}
		timer.Reset(min(max(pause, topsShare*time.Since(began)), topsPause))
	}
}
