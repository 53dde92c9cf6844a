//go:build linux

package main

import (
	"testing"
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
)

func TestNextIsTheFirstThatHasNotArrived(t *testing.T) {
	begin := time.Now()
	after := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	for name, c := range map[string]struct {
		first, step     int
		numbersAtMillis [][2]int
		next            int
		slowest         time.Duration
		count           int64
	}{
		"when nothing has":                     {2, 10, nil, 2, 0, 0},
		"when each has in its time":            {0, 1, [][2]int{{0, 1}, {1, 11}, {2, 21}}, 3, time.Millisecond, 3},
		"when one answers for those before it": {0, 1, [][2]int{{3, 50}}, 4, 50 * time.Millisecond, 4},
		"when others are in between":           {1, 10, [][2]int{{1, 12}, {21, 215}}, 31, 105 * time.Millisecond, 3},
		"when one comes twice":                 {0, 1, [][2]int{{1, 12}, {0, 90}, {1, 99}}, 2, 12 * time.Millisecond, 2},
	} {
		t.Run(name, func(t *testing.T) {
			tr := track{begin: begin, every: 10 * time.Millisecond, next: c.first, step: c.step, latency: swarm.NewLatency()}
			for _, a := range c.numbersAtMillis {
				tr.arrived(a[0], after(a[1]))
			}
			if tr.next != c.next || tr.latency.Count() != c.count {
				t.Errorf("got next %d and %d latencies, want %d and %d", tr.next, tr.latency.Count(), c.next, c.count)
			}
			if got := tr.latency.Max(); got < c.slowest || got > c.slowest+c.slowest/500 {
				t.Errorf("got %v for the slowest, want %v", got, c.slowest)
			}
		})
	}
}

func TestWhatNeverArrivesCountsWithItsAge(t *testing.T) {
	begin := time.Now()
	tr := track{begin: begin, every: 10 * time.Millisecond, step: 1, latency: swarm.NewLatency()}
	tr.arrived(4, begin.Add(41*time.Millisecond))
	missing := tr.finish(begin.Add(2*time.Second), begin.Add(100*time.Millisecond))
	if missing != 5 || tr.latency.Count() != 10 {
		t.Errorf("got %d missing and %d latencies, want 5 and 10", missing, tr.latency.Count())
	}
	if got, want := tr.latency.Max(), 1950*time.Millisecond; got < want || got > want+want/500 {
		t.Errorf("got %v for the oldest, want %v", got, want)
	}
}

func TestASchedule(t *testing.T) {
	stopped := make(chan struct{})
	close(stopped)
	for name, c := range map[string]struct {
		stop <-chan struct{}
		want bool
	}{"goes on": {nil, true}, "ends when it is stopped": {stopped, false}} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			if got := onSchedule(begin, time.Millisecond, 3, c.stop); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if due := begin.Add(3 * time.Millisecond); time.Now().Before(due) {
				t.Errorf("got back before %v, want no number early", due)
			}
		})
	}
}

func TestEventNumbersAreRead(t *testing.T) {
	for text, want := range map[string]int{
		eventHead + "0" + eventTail: 0, eventHead + "4711" + eventTail: 4711, eventHead: -1, eventHead + "x": -1, `{"type":"__ack"}`: -1, "": -1,
	} {
		if got := eventNumber([]byte(text)); got != want {
			t.Errorf("got %d of %q, want %d", got, text, want)
		}
	}
}
