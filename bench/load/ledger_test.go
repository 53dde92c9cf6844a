//go:build linux

package load

import "testing"

const metricsPage = `# HELP spokehub_dropped_total Deliveries that were not made.
spokehub_deliveries_total 100
spokehub_delivered_total 90
spokehub_dropped_total{reason="backpressure"} 4
spokehub_dropped_total{reason="closed"} 3
spokehub_queued 3
go_cpu_classes_gc_total_cpu_seconds_total 1.5e-3
`

func TestMetricsAreAddedUpOverTheirLabels(t *testing.T) {
	got := parseMetrics([]byte(metricsPage))
	for name, want := range map[string]float64{
		ledgerDeliveries: 100, ledgerDropped: 7, ledgerQueued: 3, ledgerGarbage + "_total": 0.0015,
	} {
		if got[name] != want {
			t.Errorf("%s: got %g, want %g", name, got[name], want)
		}
	}
}

func TestTheLedger(t *testing.T) {
	for name, c := range map[string]struct {
		change map[string]float64
		seen   uint64
		good   bool
	}{
		"adds up":                            {nil, 90, true},
		"adds up though some are on the way": {nil, 80, true},
		"has a delivery too few":             {map[string]float64{ledgerDelivered: 89}, 80, false},
		"has a drop too many":                {map[string]float64{ledgerDropped: 8}, 90, false},
		"claims less than subscribers have":  {nil, 91, false},
	} {
		t.Run(name, func(t *testing.T) {
			samples := parseMetrics([]byte(metricsPage))
			for name, value := range c.change {
				samples[name] = value
			}
			if note := judgeLedger(samples, c.seen); (note == "") != c.good {
				t.Errorf("got %q, want good %v", note, c.good)
			}
		})
	}
}

func TestALedgerWithoutItsMetricsIsNamed(t *testing.T) {
	if note := judgeLedger(map[string]float64{ledgerDeliveries: 0}, 0); note == "" {
		t.Error("got no note, want the missing metric's name")
	}
}
