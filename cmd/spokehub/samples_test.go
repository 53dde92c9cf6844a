package main

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/spokehub/spokehub/fanout"
)

func TestSamplesAreRates(t *testing.T) {
	before := fanout.Stats{Accepted: 10, EventsIn: 100, Deliveries: 50, BytesOut: 1000, DroppedBudget: 4}
	now := fanout.Stats{Accepted: 15, EventsIn: 100, Deliveries: 20, BytesOut: 1 << 20, DroppedBudget: 5, Connections: 7, Queued: 3, QueuedBytes: 99, Memory: fanout.Memory{TLS: 8, Queues: 2}}
	at := time.Now()
	got := newSample(before, now, 2*time.Second, at)
	want := sample{
		At: at, Rates: sampleRates{Accepted: 2.5, BytesOut: 523788}, Drops: sampleDrops{Budget: 0.5},
		Connections: 7, Queued: 3, QueuedBytes: 99, MemoryBytes: 10,
	}
	if got != want {
		t.Errorf("got %+v, want %+v: what went down is a rate of 0", got, want)
	}
	if got := perSecond(1, 2, 0); got != 0 {
		t.Errorf("got a rate of %v in no time, want 0", got)
	}
}

// TestRingKeepsTheLastSamples compares the ring to a slice.
func TestRingKeepsTheLastSamples(t *testing.T) {
	var ring sampleRing
	var all []uint64
	for n := range uint64(2*keptSamples + 7) {
		for _, since := range []uint64{0, 1, n / 2, n, n + 1, n + 1000} {
			var got []uint64
			for _, s := range ring.since(since) {
				if s.Connections != 10*s.N {
					t.Fatalf("got the connections %d in sample %d, want %d", s.Connections, s.N, 10*s.N)
				}
				got = append(got, s.N)
			}
			want := all[max(0, len(all)-keptSamples):]
			want = want[len(want)-len(slices.DeleteFunc(slices.Clone(want), func(n uint64) bool { return n <= since })):]
			if !slices.Equal(got, want) {
				t.Fatalf("after %d samples: got %v since %d, want %v", n, got, since, want)
			}
		}
		ring.add(sample{Connections: 10 * (n + 1)})
		all = append(all, n+1)
	}
}

func TestRingIsSmall(t *testing.T) {
	if got := unsafe.Sizeof(sampleRing{}); got > 200_000 {
		t.Errorf("got %d bytes for the samples, want at most 200,000", got)
	}
	full := sampleRing{}
	for range keptSamples {
		full.add(sample{At: time.Now()})
	}
	if text, _ := json.Marshal(full.since(0)); len(text) > 200_000 {
		t.Errorf("got %d bytes of JSON for all samples, want at most 200,000", len(text))
	}
}

func TestSamplerTakesOneAtEachTick(t *testing.T) {
	var ring sampleRing
	looks := uint64(0)
	stats := func() fanout.Stats {
		looks++
		return fanout.Stats{Connections: looks, EventsIn: looks * 1_000_000}
	}
	ticks, stop, ended := make(chan time.Time), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ring.record(ticks, stats, stop)
	}()
	for range 3 {
		ticks <- time.Time{}
	}
	close(stop)
	<-ended
	got := ring.since(0)
	if len(got) != 3 || got[0].Connections != 2 || got[2].Connections != 4 {
		t.Fatalf("got %+v, want three samples with 2 to 4 connections", got)
	}
	for _, s := range got {
		if s.Rates.EventsIn <= 0 || s.At.IsZero() {
			t.Errorf("got %+v, want a rate of events and a time", s)
		}
	}
}
