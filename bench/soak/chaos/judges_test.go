//go:build linux

package main

import (
	"testing"
	"time"
)

func TestAStampedeIsFound(t *testing.T) {
	spread := func(i int) time.Duration { return 500*time.Millisecond + time.Duration(i)*5*time.Millisecond }
	together := func(i int) time.Duration { return 500*time.Millisecond + time.Duration(i)*time.Millisecond }
	for name, c := range map[string]struct {
		what   upheaval
		delays []func(i int) time.Duration
		bad    bool
	}{
		"not where clients are spread":      {cutAll, []func(int) time.Duration{spread, spread}, false},
		"where they come at the same time":  {cutAll, []func(int) time.Duration{together, together}, true},
		"not where most waves are spread":   {cutAll, []func(int) time.Duration{together, spread, spread}, false},
		"not where the hub said when":       {drainHub, []func(int) time.Duration{together, together}, false},
		"not where it let go of them":       {killHub, []func(int) time.Duration{together, together}, false},
		"also where some come at all times": {cutAll, []func(int) time.Duration{func(i int) time.Duration { return together(i) + spread(max(0, i-80)*100) }}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var waves []wave
			for _, delay := range c.delays {
				w := wave{what: c.what, kind: "Go"}
				for i := range 100 {
					w.delays = append(w.delays, delay(i))
				}
				waves = append(waves, w)
			}
			if found := judgeSpread(waves); (len(found) > 0) != c.bad {
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

func TestAWaveOfAProcessThatDidNotRunTellsNothing(t *testing.T) {
	l := newLedger(2*fewestJudged, 2*fewestJudged)
	a := newArrivals(2*fewestJudged, l)
	for _, late := range []bool{false, true} {
		a.begin(cutAll, nil)
		var all []int
		for client := range 2 * fewestJudged {
			all = append(all, client)
		}
		a.begin(cutAll, all)
		at := time.Now()
		for _, client := range all {
			a.arrived(client, at)
		}
		if late {
			a.late("Node", time.Second)
			a.late("Go", time.Second)
		}
		waves, _ := a.all()
		if found := judgeSpread(waves); (len(found) > 0) == late {
			t.Errorf("got %q, want a problem: %v", found, !late)
		}
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
	if strandsOf(topics) == nil || !isShadowed("news:1", topics) || isShadowed("room:5", topics) {
		t.Errorf("got the topics %q, want news and one of its ids", topics)
	}
	counts := map[int]int{}
	for _, strand := range strandsOf(topics) {
		counts[strand]++
	}
	if got := len(counts); got != 1+1+1+news+raresOfOne {
		t.Errorf("got %d strands, want %d", got, 1+1+1+news+raresOfOne)
	}
}
