package main

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

func TestStatsGateCountsOncePerIntervalHoweverManyAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var counts atomic.Uint64
		gate := newStatsGate(func() fanout.Stats { return fanout.Stats{Connections: counts.Add(1)} })
		begin := time.Now()
		for wave := range 3 {
			var askers sync.WaitGroup
			for range 100 {
				askers.Go(func() { gate.stats() })
			}
			askers.Wait()
			if most := uint64(time.Since(begin)/statsInterval) + 1; counts.Load() > most {
				t.Errorf("wave %d: got %d counts after %v, want no more than %d", wave, counts.Load(), time.Since(begin), most)
			}
		}
		if elapsed := time.Since(begin); elapsed > 6*statsInterval {
			t.Errorf("got the last answer after %v, want it within two intervals a wave", elapsed)
		}
	})
}

func TestStatsGateAnswersWithWhatIsTrueNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now uint64
		gate := newStatsGate(func() fanout.Stats { return fanout.Stats{Connections: now} })
		for now = 1; now < 5; now++ {
			if got := gate.stats().Connections; got != now {
				t.Errorf("got %d, want %d", got, now)
			}
		}
	})
}
