//go:build linux

package main

import (
	"testing"
	"time"
)

func TestAStampedeIsFound(t *testing.T) {
	at := func(i int) time.Duration { return 500*time.Millisecond + time.Duration(i)*10*time.Millisecond }
	for name, c := range map[string]struct {
		delay func(i int) time.Duration
		bad   bool
	}{
		"not where clients are spread":        {at, false},
		"where all come at the same time":     {func(i int) time.Duration { return 510 * time.Millisecond }, true},
		"where most come at the same time":    {func(i int) time.Duration { return at(max(0, i-80)) }, true},
		"also where that is after a long one": {func(i int) time.Duration { return time.Minute }, true},
	} {
		t.Run(name, func(t *testing.T) {
			var w wave
			for i := range 100 {
				w.delays = append(w.delays, c.delay(i))
			}
			if found := judgeSpread([]wave{w}); (len(found) > 0) != c.bad {
				t.Errorf("got %q, want a problem: %v", found, c.bad)
			}
		})
	}
}

func TestWavesCountTheFirstConnectOfEachClient(t *testing.T) {
	l := newLedger(3, 3)
	a := newArrivals(3, l)
	a.begin(cutAll, []int{0, 2})
	for _, client := range []int{0, 0, 1, 2} {
		a.arrived(client, time.Now())
	}
	waves, _ := a.all()
	if len(waves) != 1 || len(waves[0].delays) != 2 || waves[0].kind != "Go" {
		t.Errorf("got the waves %+v, want one of 2 clients in Go", waves)
	}
}

func TestKindsOfClientsAreJudgedApart(t *testing.T) {
	l := newLedger(4, 2)
	a := newArrivals(4, l)
	a.begin(cutAll, []int{0, 1, 2})
	waves, _ := a.all()
	if len(waves) != 2 || waves[0].kind != "Go" || waves[1].kind != "Node" {
		t.Errorf("got the waves %+v, want one in Go and one in Node", waves)
	}
}

func TestALoopOfConnectsIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		pause time.Duration
		bad   bool
	}{
		"not with pauses":   {time.Second, false},
		"where it is quick": {time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(2, 2)
			a := newArrivals(2, l)
			for i := range hurry + 1 {
				a.arrived(1, l.began.Add(time.Duration(i)*c.pause))
			}
			if found := l.result().problems; (len(found) > 0) != c.bad {
				t.Errorf("got %v, want a problem: %v", found, c.bad)
			}
		})
	}
}

func TestGrowthIsFound(t *testing.T) {
	before := holding{Process: "hub", Resident: 100 << 20, Heap: 10 << 20, Running: 100}
	for name, c := range map[string]struct {
		change func(*holding)
		bad    bool
	}{
		"not of what is flat":  {func(h *holding) { h.Heap += 1 << 20 }, false},
		"of the heap":          {func(h *holding) { h.Heap *= 3 }, true},
		"of resident memory":   {func(h *holding) { h.Resident *= 2 }, true},
		"of goroutines":        {func(h *holding) { h.Running *= 2 }, true},
		"not of another's one": {func(h *holding) { h.Process, h.Heap = "Go clients", h.Heap*9 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			after := before
			c.change(&after)
			if found := judgeMemory([]holding{before, after}); (len(found) > 0) != c.bad {
				t.Errorf("got %q, want a problem: %v", found, c.bad)
			}
		})
	}
}

func TestClientsGetOneCopyOfWhatTheyHoldTwice(t *testing.T) {
	topics := topicsOf(newsReaders)
	if streamsOf(topics) == nil || !isShadowed("news:1", topics) || isShadowed("room:5", topics) {
		t.Errorf("got the topics %q, want news and one of its ids", topics)
	}
	counts := map[int]int{}
	for _, stream := range streamsOf(topics) {
		counts[stream]++
	}
	if got := len(counts); got != 1+1+1+news+raresOfOne {
		t.Errorf("got %d streams, want %d", got, 1+1+1+news+raresOfOne)
	}
}
