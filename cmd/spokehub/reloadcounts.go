package main

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// reloadCounts are how reloads of the configuration have ended, for /metrics. Any goroutine may use them.
type reloadCounts struct {
	good, bad atomic.Uint64
	// isStale says that the last one failed, so that the hub runs with something else than what the operator has written.
	isStale atomic.Bool
}

// note counts a reload that ended with an error, or with nil.
func (c *reloadCounts) note(err error) {
	c.isStale.Store(err != nil)
	if err != nil {
		c.bad.Add(1)
		return
	}
	c.good.Add(1)
}

var (
	reloadsDesc = prometheus.NewDesc("spokehub_config_reloads_total",
		"Times that SIGHUP had the configuration read again, by result: ok, or error where something was wrong and nothing changed.", []string{"result"}, nil)
	reloadedDesc = prometheus.NewDesc("spokehub_config_last_reload_successful",
		"1, or 0 after a reload that found something wrong, until one succeeds.", nil, nil)
)

// Describe is for prometheus.Collector.
func (c *reloadCounts) Describe(descs chan<- *prometheus.Desc) {
	descs <- reloadsDesc
	descs <- reloadedDesc
}

// Collect is for prometheus.Collector.
func (c *reloadCounts) Collect(metrics chan<- prometheus.Metric) {
	successful := 1.0
	if c.isStale.Load() {
		successful = 0
	}
	metrics <- prometheus.MustNewConstMetric(reloadsDesc, prometheus.CounterValue, float64(c.good.Load()), "ok")
	metrics <- prometheus.MustNewConstMetric(reloadsDesc, prometheus.CounterValue, float64(c.bad.Load()), "error")
	metrics <- prometheus.MustNewConstMetric(reloadedDesc, prometheus.GaugeValue, successful)
}
