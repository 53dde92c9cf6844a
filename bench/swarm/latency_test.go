package swarm

import (
	"encoding/json"
	"testing"
	"time"
)

func TestMergedLatenciesOfManyProcessesAreThoseOfOne(t *testing.T) {
	whole, merged := NewLatency(), NewLatency()
	parts := []*Latency{NewLatency(), NewLatency(), NewLatency()}
	for i := range int64(30_000) {
		reading := i * i
		whole.Record(reading)
		parts[i%3].Record(reading)
	}
	for _, part := range parts {
		encoded, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		var decoded Latency
		if err := json.Unmarshal(encoded, &decoded); err != nil {
			t.Fatal(err)
		}
		merged.Merge(&decoded)
	}
	if merged.Count() != whole.Count() || merged.Max() != whole.Max() {
		t.Errorf("got %d readings up to %v, want %d up to %v", merged.Count(), merged.Max(), whole.Count(), whole.Max())
	}
	for _, share := range []float64{0.5, 0.99, 0.999} {
		if got, want := merged.Quantile(share), whole.Quantile(share); got != want {
			t.Errorf("quantile %g: got %v, want %v", share, got, want)
		}
	}
}

func TestLatencyKeepsThreeDigits(t *testing.T) {
	for name, reading := range map[string]time.Duration{
		"of a microsecond": 1234, "of a millisecond": 5_678 * time.Microsecond, "of a minute": 67 * time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLatency()
			l.Record(int64(reading))
			if off := l.Max() - reading; off > reading/500 || -off > reading/500 {
				t.Errorf("got %v, want %v within 0.2 %%", l.Max(), reading)
			}
		})
	}
}

func TestLatencyOutOfRangeGoesToTheNearestEnd(t *testing.T) {
	l := NewLatency()
	l.Record(-5)
	l.Record(int64(time.Hour))
	if l.Count() != 2 || l.Max() < 2*time.Minute || l.Quantile(0.5) > 2 {
		t.Errorf("got %d readings, median %v, most %v, want 2 at the ends", l.Count(), l.Quantile(0.5), l.Max())
	}
}

func TestResetLatencyIsEmpty(t *testing.T) {
	l := NewLatency()
	l.Record(7)
	l.Reset()
	if l.Count() != 0 {
		t.Errorf("got %d readings, want none", l.Count())
	}
}
