//go:build linux

package server

import (
	"errors"
	"maps"
	"testing"
)

const metricsPage = `# HELP spokehub_dropped_total Deliveries that were not made.
spokehub_deliveries_total 100
spokehub_delivered_total 85
spokehub_handed_back_total 5
spokehub_dropped_total{reason="backpressure"} 4
spokehub_dropped_total{reason="closed"} 3
spokehub_queued 3
go_cpu_classes_gc_total_cpu_seconds_total 1.5e-3
`

func TestMetricsAreReadByNameAndByLabel(t *testing.T) {
	m := ParseMetrics([]byte("# HELP a b\n# TYPE a counter\na{code=\"1012\"} 3\na{code=\"1013\"} 4\nb 1.5e+06\nbroken\nc x\n"))
	for name, want := range map[string]float64{"a": 7, `a{code="1012"}`: 3, `a{code="1013"}`: 4, "b": 1.5e6, "c": 0} {
		if got := m[name]; got != want {
			t.Errorf("got %s = %v, want %v", name, got, want)
		}
	}
}

func TestMetricsAreAddedUpOverTheirLabels(t *testing.T) {
	m := ParseMetrics([]byte(metricsPage))
	for name, want := range map[string]float64{Deliveries: 100, Dropped: 7, Queued: 3} {
		if got := m[name]; got != want {
			t.Errorf("%s: got %g, want %g", name, got, want)
		}
	}
	if got, known := m.GarbageSeconds(); !known || got != 0.0015 {
		t.Errorf("got %g seconds of garbage collection, known %v, want 0.0015", got, known)
	}
}

func TestTheLedger(t *testing.T) {
	for name, c := range map[string]struct {
		change   map[string]float64
		received uint64
		good     bool
	}{
		"adds up":                                 {nil, 85, true},
		"adds up though some are on the way":      {nil, 80, true},
		"is wrong with a delivery too few":        {map[string]float64{Delivered: 84}, 80, false},
		"is wrong with a drop too many":           {map[string]float64{Dropped: 8}, 85, false},
		"is wrong with one handed back too many":  {map[string]float64{HandedBack: 6}, 85, false},
		"is wrong with one unexplained":           {map[string]float64{Queued: 2}, 85, false},
		"is wrong with less than subscribers got": {nil, 86, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := ParseMetrics([]byte(metricsPage))
			maps.Copy(m, c.change)
			if err := m.Ledger(c.received); (err == nil) != c.good {
				t.Errorf("got %v, want good %v", err, c.good)
			}
		})
	}
}

func TestALedgerWithoutAColumnIsNamed(t *testing.T) {
	for _, column := range []string{Deliveries, Delivered, HandedBack, Dropped, Queued} {
		m := ParseMetrics([]byte(metricsPage))
		delete(m, column)
		if err := m.Ledger(0); !errors.Is(err, ErrNoMetric) {
			t.Errorf("without %s: got %v, want %v", column, err, ErrNoMetric)
		}
	}
}
