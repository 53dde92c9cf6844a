package storm

import "testing"

func TestMetricsAreReadByNameAndByLabel(t *testing.T) {
	m := ParseMetrics([]byte("# HELP a b\n# TYPE a counter\na{code=\"1012\"} 3\na{code=\"1013\"} 4\nb 1.5e+06\nbroken\nc x\n"))
	for name, want := range map[string]float64{"a": 7, `a{code="1012"}`: 3, `a{code="1013"}`: 4, "b": 1.5e6, "c": 0} {
		if got := m[name]; got != want {
			t.Errorf("got %s = %v, want %v", name, got, want)
		}
	}
}

func TestTheLedger(t *testing.T) {
	for name, c := range map[string]struct {
		metrics Metrics
		bad     bool
	}{
		"adds up":                           {Metrics{Deliveries: 10, Delivered: 5, HandedBack: 1, Dropped: 3, Queued: 1}, false},
		"is told when one is unexplained":   {Metrics{Deliveries: 10, Delivered: 5, HandedBack: 1, Dropped: 3, Queued: 0}, true},
		"is told when one is counted twice": {Metrics{Deliveries: 10, Delivered: 6, HandedBack: 1, Dropped: 3, Queued: 1}, true},
		"is told when a column is missing":  {Metrics{Deliveries: 0, Delivered: 0, HandedBack: 0, Dropped: 0}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.metrics.Ledger(); (err != nil) != c.bad {
				t.Errorf("got %v, want an error: %v", err, c.bad)
			}
		})
	}
}
