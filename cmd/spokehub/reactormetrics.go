package main

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/spokehub/spokehub/fanout"
)

// reactorMetric is a metric with one series for each reactor.
type reactorMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(fanout.ReactorStats) float64
}

func ofReactor(name, help string, kind prometheus.ValueType, value func(fanout.ReactorStats) float64) reactorMetric {
	return reactorMetric{prometheus.NewDesc(name, help, []string{"reactor"}, nil), kind, value}
}

// reactorMetrics are what shows one reactor that is behind the others.
var reactorMetrics = []reactorMetric{
	ofReactor("spokehub_reactor_connections", "Connections of each reactor.", prometheus.GaugeValue,
		func(r fanout.ReactorStats) float64 { return float64(r.Connections) }),
	ofReactor("spokehub_reactor_delivered_total", "Deliveries of each reactor that were written to their sockets.", prometheus.CounterValue,
		func(r fanout.ReactorStats) float64 { return float64(r.Delivered) }),
	ofReactor("spokehub_reactor_busy_seconds_total", "Time in which each reactor worked and did not wait; at a rate of 1 it has none left.", prometheus.CounterValue,
		func(r fanout.ReactorStats) float64 { return r.Busy.Seconds() }),
	ofReactor("spokehub_reactor_longest_turn_seconds", "Longest turn of each reactor in the last ten seconds or a little more: for so long all of its clients had to wait.", prometheus.GaugeValue,
		func(r fanout.ReactorStats) float64 { return r.LongestTurn.Seconds() }),
	ofReactor("spokehub_reactor_waiting_bytes", "Bytes of events on their way to each reactor.", prometheus.GaugeValue,
		func(r fanout.ReactorStats) float64 { return float64(r.Waiting) }),
	ofReactor("spokehub_reactor_queued_bytes", "Memory of the deliveries of each reactor that wait to be written.", prometheus.GaugeValue,
		func(r fanout.ReactorStats) float64 { return float64(r.QueuedBytes) }),
	ofReactor("spokehub_reactor_blocked", "Connections of each reactor whose socket is full.", prometheus.GaugeValue,
		func(r fanout.ReactorStats) float64 { return float64(r.Blocked) }),
	ofReactor("spokehub_reactor_inboxes", "Inboxes of the clients of each reactor that wait for a worker, or are being run.", prometheus.GaugeValue,
		func(r fanout.ReactorStats) float64 { return float64(r.Inboxes) }),
}

// reactorCollector reads the counters of the reactors on every scrape.
type reactorCollector func() []fanout.ReactorStats

// Describe is for prometheus.Collector.
func (c reactorCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, metric := range reactorMetrics {
		descs <- metric.desc
	}
}

// Collect is for prometheus.Collector.
func (c reactorCollector) Collect(metrics chan<- prometheus.Metric) {
	for i, reactor := range c() {
		for _, metric := range reactorMetrics {
			metrics <- prometheus.MustNewConstMetric(metric.desc, metric.kind, metric.value(reactor), strconv.Itoa(i))
		}
	}
}
