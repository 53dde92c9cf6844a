package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// kindMetric is a counter with one series for each kind. All of them are there from the start, so that even the first one shows as an increase.
type kindMetric struct {
	desc   *prometheus.Desc
	series []kindSeries
}

// kindSeries is one of them, by its label.
type kindSeries struct {
	label string
	value func(fanout.Stats) uint64
}

// byKind is a metric whose series are those of a map.
func byKind[K comparable](name, help, label string, names map[K]string, counts func(fanout.Stats) map[K]uint64) kindMetric {
	m := kindMetric{desc: prometheus.NewDesc(name, help, []string{label}, nil)}
	for kind, text := range names {
		m.series = append(m.series, kindSeries{text, func(s fanout.Stats) uint64 { return counts(s)[kind] }})
	}
	return m
}

var (
	controlNames = map[event.Kind]string{
		event.Subscribe: "subscribe", event.Unsubscribe: "unsubscribe", event.Auth: "auth", event.Presence: "presence", event.UnknownControl: "unknown",
	}
	reasonNames = map[event.Reason]string{
		event.InvalidTopic: string(event.InvalidTopic), event.Forbidden: string(event.Forbidden), event.Limit: string(event.Limit),
		event.Unauthenticated: string(event.Unauthenticated), event.Unavailable: string(event.Unavailable),
	}
	causeNames = map[fanout.CauseKind]string{
		fanout.CausePeerClosed: "peer_closed", fanout.CausePeerGone: "peer_gone", fanout.CauseViolation: "violation",
		fanout.CauseBackpressure: "backpressure", fanout.CauseBudget: "budget", fanout.CauseSilent: "silent", fanout.CauseClosed: "closed",
		fanout.CauseRemoved: "removed", fanout.CauseShutdown: "shutdown", fanout.CauseInternal: "internal", fanout.CauseUnauthenticated: "unauthenticated",
	}
	logNames = namesOf("malformed", "slow", "filling", "violation", "resources", "hijack", "refusal", "handshake", "identity", "stream", "broker", "message", "node")
)

// namesOf names labels by themselves.
func namesOf(labels ...string) map[string]string {
	names := make(map[string]string)
	for _, label := range labels {
		names[label] = label
	}
	return names
}

// kindMetrics are all of them.
var kindMetrics = []kindMetric{
	byKind("spokehub_control_events_total", "Control events received from clients, by what they ask.", "type", controlNames,
		func(s fanout.Stats) map[event.Kind]uint64 { return s.Kinds.Controls }),
	byKind("spokehub_rejects_total", "Times that the hub said no to a control event, to one of its topics, or to an event, or took a topic away, by reason as in __reject. It counts whether the client was told or not.", "reason", reasonNames,
		func(s fanout.Stats) map[event.Reason]uint64 { return s.Kinds.Rejects }),
	byKind("spokehub_disconnections_total", "Clients that have disconnected, by what came first: peer_closed: the client sent a close frame; peer_gone: it ended without one; violation: it broke the protocol or a rate limit; backpressure and budget: it could not keep up; silent: it did not answer pings; unauthenticated: its identity expired; shutdown: the hub drained; closed: the hub was told to; removed: the connection got another owner; internal: the hub failed.", "cause", causeNames,
		func(s fanout.Stats) map[fanout.CauseKind]uint64 { return s.Kinds.Disconnections }),
	byKind("spokehub_log_suppressed_total", "Log lines that were not written because there were too many of their kind, whatever --log-level is.", "kind", logNames,
		func(s fanout.Stats) map[string]uint64 { return s.Kinds.LogSuppressed }),
	{prometheus.NewDesc("spokehub_published_total", "Events that came to the hub to be sent to its clients, by way: websocket: relayed for a client; http: by /publish; broker: from other hubs, and of types with history from this one too, by way of the broker.", []string{"way"}, nil),
		[]kindSeries{
			{"websocket", func(s fanout.Stats) uint64 { return s.EventsRelayed }},
			{"http", func(s fanout.Stats) uint64 { return s.EventsDispatched }},
			{"broker", func(s fanout.Stats) uint64 { return s.BrokerReceived }},
		}},
}

// collectKinds is what hubCollector collects of them.
func collectKinds(stats fanout.Stats, metrics chan<- prometheus.Metric) {
	for _, metric := range kindMetrics {
		for _, series := range metric.series {
			metrics <- prometheus.MustNewConstMetric(metric.desc, prometheus.CounterValue, float64(series.value(stats)), series.label)
		}
	}
}
