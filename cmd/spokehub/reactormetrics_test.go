package main

import (
	"reflect"
	"strconv"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/spokehub/spokehub/fanout"
)

func TestEachReactorHasItsSeries(t *testing.T) {
	all := make([]fanout.ReactorStats, 3)
	for i := range all {
		v := reflect.ValueOf(&all[i]).Elem()
		for _, field := range reflect.VisibleFields(v.Type()) {
			if f := v.FieldByIndex(field.Index); f.CanUint() {
				f.SetUint(uint64(10 + i))
			} else {
				f.SetInt(int64(10+i) * 1e9)
			}
		}
	}
	families := scrape(t, metricsHandler(statsOfSomeLatency, reactorCollector(func() []fanout.ReactorStats { return all })), "")
	for _, metric := range reactorMetrics {
		series := families[nameOf(metric.desc)].GetMetric()
		if len(series) != len(all) {
			t.Fatalf("%s: got %d series, want %d", nameOf(metric.desc), len(series), len(all))
		}
		for i, s := range series {
			if got := valueOf(s); got != float64(10+i) || s.GetLabel()[0].GetName() != "reactor" || s.GetLabel()[0].GetValue() != strconv.Itoa(i) {
				t.Errorf("%s: got %v, want %d of reactor %d", nameOf(metric.desc), s, 10+i, i)
			}
		}
	}
}

// valueOf is that of a counter or a gauge.
func valueOf(m *dto.Metric) float64 { return m.GetCounter().GetValue() + m.GetGauge().GetValue() }
