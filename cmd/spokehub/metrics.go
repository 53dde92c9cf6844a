package main

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/spokehub/spokehub/fanout"
)

// hubMetric is one line of /metrics and where its value stands in the hub's counters.
type hubMetric struct {
	name  string
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	label []string
	value func(fanout.Stats) uint64
}

// shortName is the name in the answer of GET /status.
func (m hubMetric) shortName() string {
	return strings.TrimSuffix(strings.TrimPrefix(m.name, "spokehub_"), "_total")
}

func counter(name, help string, value func(fanout.Stats) uint64) hubMetric {
	return hubMetric{name, prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, nil, value}
}

func gauge(name, help string, value func(fanout.Stats) uint64) hubMetric {
	return hubMetric{name, prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, nil, value}
}

// droppedFor is spokehub_dropped_total for one reason.
func droppedFor(reason string, value func(fanout.Stats) uint64) hubMetric {
	return hubMetric{"spokehub_dropped_total", droppedDesc, prometheus.CounterValue, []string{reason}, value}
}

// heldAs is spokehub_memory_bytes of one kind.
func heldAs(kind string, value func(fanout.Memory) uint64) hubMetric {
	return hubMetric{"spokehub_memory_bytes", memoryDesc, prometheus.GaugeValue, []string{kind}, func(s fanout.Stats) uint64 { return value(s.Memory) }}
}

// subscribedTo is spokehub_stream_subscriptions_total for one result.
func subscribedTo(result string, value func(fanout.Stats) uint64) hubMetric {
	return hubMetric{"spokehub_stream_subscriptions_total", subscribedDesc, prometheus.CounterValue, []string{result}, value}
}

var (
	subscribedDesc = prometheus.NewDesc("spokehub_stream_subscriptions_total",
		"Subscriptions to topics with a stream, by result: resumed: all that the client had missed followed; gap: some of it was gone; fresh: the client told no position, or one of another epoch.",
		[]string{"result"}, nil)
	droppedDesc = prometheus.NewDesc("spokehub_dropped_total",
		"Deliveries that were not made, by reason: backpressure: the client's queue was full; closed: the client was gone; budget: the hub's memory budget was exhausted; trimmed: the client was behind in a stream, which did not keep the event for long enough; superseded: it was behind, and gets only the newest event of each id; skipped: it was behind with a type whose events are skipped then. Clients are told of the last three by __gap.",
		[]string{"reason"}, nil)
	memoryDesc = prometheus.NewDesc("spokehub_memory_bytes",
		"Memory that clients make the hub hold, by kind: queues of unsent frames, unfinished messages, inboxes of callbacks, subscriptions, unfinished handshakes, tls beyond what an idle connection takes, http connections, streams of what is kept of types with history, broker of what waits for that and of what it is asked for, reserved for bodies of requests and answers of /history. The sum is bounded by the memory budget.",
		[]string{"kind"}, nil)
	slowDesc = prometheus.NewDesc("spokehub_slow_total",
		"Clients that did not keep up, by state: filling: their queue passed half of the limit; closed: they were closed with 1013; and by likely cause: network: the path takes no more; reader: the client does not read; large_message: one message takes more than half of the queue; unknown.",
		[]string{"state", "cause"}, nil)
	closesDesc = prometheus.NewDesc("spokehub_closes_total",
		"Close frames sent, by close code; 1005: without a code, 3000: echoed a code of the client's own.", []string{"code"}, nil)
	refusalsDesc = prometheus.NewDesc("spokehub_refusals_total",
		"Handshakes rejected, by HTTP status.", []string{"status"}, nil)
)

// hubMetrics are all metrics of the hub without labels of their own.
var hubMetrics = append([]hubMetric{
	gauge("spokehub_connections", "Open connections, including those in a handshake or a close.",
		func(s fanout.Stats) uint64 { return s.Connections }),
	gauge("spokehub_http_connections", "Open connections to the public address that carry plain HTTP. They count against the limits on connections.",
		func(s fanout.Stats) uint64 { return s.HTTPConnections }),
	counter("spokehub_accepted_total", "Connections accepted.",
		func(s fanout.Stats) uint64 { return s.Accepted }),
	counter("spokehub_accept_pauses_total", "Times that accepting paused because the process ran out of file descriptors or memory.",
		func(s fanout.Stats) uint64 { return s.AcceptPauses }),
	counter("spokehub_closing_evicted_total", "Connections ended while they were closing, because file descriptors or --max-connections ran short.",
		func(s fanout.Stats) uint64 { return s.ClosingEvicted }),
	counter("spokehub_handshakes_total", "Handshakes completed.",
		func(s fanout.Stats) uint64 { return s.Handshakes }),
	counter("spokehub_tls_handshakes_total", "TLS handshakes completed.",
		func(s fanout.Stats) uint64 { return s.TLSHandshakes }),
	counter("spokehub_tls_failed_total", "TLS handshakes that failed or took too long.",
		func(s fanout.Stats) uint64 { return s.TLSFailed }),
	counter("spokehub_disconnected_total", "Clients that have disconnected.",
		func(s fanout.Stats) uint64 { return s.Disconnected }),
	counter("spokehub_backpressure_total", "Clients closed with 1013 because they could not keep up.",
		func(s fanout.Stats) uint64 { return s.Backpressure }),
	counter("spokehub_over_rate_total", "Clients closed with 1008 because they exceeded a rate limit.",
		func(s fanout.Stats) uint64 { return s.OverRate }),
	counter("spokehub_messages_overdue_total", "Clients closed with 1008 because a message took them too long.",
		func(s fanout.Stats) uint64 { return s.MessagesOverdue }),
	counter("spokehub_pings_total", "Pings sent.",
		func(s fanout.Stats) uint64 { return s.Pings }),

	counter("spokehub_messages_in_total", "WebSocket messages received.",
		func(s fanout.Stats) uint64 { return s.MessagesIn }),
	counter("spokehub_events_in_total", "Events received from clients.",
		func(s fanout.Stats) uint64 { return s.EventsIn }),
	counter("spokehub_controls_in_total", "Control events received from clients.",
		func(s fanout.Stats) uint64 { return s.ControlsIn }),
	counter("spokehub_controls_unknown_total", "Control events of a type that the hub does not know, which it ignored.",
		func(s fanout.Stats) uint64 { return s.ControlsUnknown }),
	counter("spokehub_topics_over_limit_total", "Subscriptions rejected because of --max-topics, and control events that named more topics than that.",
		func(s fanout.Stats) uint64 { return s.TopicsOverLimit }),
	counter("spokehub_topics_forbidden_total", "Subscriptions rejected because the client may not have the topic, and those taken away when its permissions changed.",
		func(s fanout.Stats) uint64 { return s.TopicsForbidden }),
	counter("spokehub_events_forbidden_total", "Events from clients dropped because the client may not publish them.",
		func(s fanout.Stats) uint64 { return s.EventsForbidden }),
	counter("spokehub_malformed_total", "Messages received that are not a valid event.",
		func(s fanout.Stats) uint64 { return s.Malformed }),
	counter("spokehub_bad_topics_total", "Topics requested that are invalid.",
		func(s fanout.Stats) uint64 { return s.BadTopics }),
	counter("spokehub_auths_accepted_total", "Tokens of clients that were accepted after the handshake, by __auth.",
		func(s fanout.Stats) uint64 { return s.AuthsAccepted }),
	counter("spokehub_auths_rejected_total", "Tokens of clients that were rejected after the handshake, by __auth.",
		func(s fanout.Stats) uint64 { return s.AuthsRejected }),
	counter("spokehub_early_messages_total", "Events and control events dropped because the client had yet to identify itself.",
		func(s fanout.Stats) uint64 { return s.EarlyMessages }),
	counter("spokehub_unauthenticated_total", "Clients closed with 4401 because they did not identify themselves in time, or their identity had expired.",
		func(s fanout.Stats) uint64 { return s.Unauthenticated }),
	counter("spokehub_events_relayed_total", "Events from clients relayed to the other subscribers.",
		func(s fanout.Stats) uint64 { return s.EventsRelayed }),
	counter("spokehub_events_dispatched_total", "Events dispatched by the hub itself, such as those of /publish.",
		func(s fanout.Stats) uint64 { return s.EventsDispatched }),

	counter("spokehub_deliveries_total", "Subscribers at the time of each dispatch; equals delivered + handed back + dropped + queued.",
		func(s fanout.Stats) uint64 { return s.Deliveries }),
	counter("spokehub_delivered_total", "Deliveries written to their sockets.",
		func(s fanout.Stats) uint64 { return s.Delivered }),
	counter("spokehub_handed_back_total", "Deliveries handed, with a removed connection, to its new owner.",
		func(s fanout.Stats) uint64 { return s.HandedBack }),
	droppedFor("backpressure", func(s fanout.Stats) uint64 { return s.DroppedBackpressure }),
	droppedFor("closed", func(s fanout.Stats) uint64 { return s.DroppedClosed }),
	droppedFor("budget", func(s fanout.Stats) uint64 { return s.DroppedBudget }),
	droppedFor("trimmed", func(s fanout.Stats) uint64 { return s.DroppedTrimmed }),
	droppedFor("superseded", func(s fanout.Stats) uint64 { return s.DroppedSuperseded }),
	droppedFor("skipped", func(s fanout.Stats) uint64 { return s.DroppedSkipped }),
	gauge("spokehub_queued", "Deliveries waiting to be written.",
		func(s fanout.Stats) uint64 { return s.Queued }),
	gauge("spokehub_queued_bytes", "Memory of the deliveries waiting to be written; frames that queues share count once.",
		func(s fanout.Stats) uint64 { return s.QueuedBytes }),
	gauge("spokehub_waiting_bytes", "Bytes of events on their way to the queues; grows while events arrive faster than the reactors take them.",
		func(s fanout.Stats) uint64 { return s.Waiting }),
	gauge("spokehub_throttled", "Clients not read because a reactor or a subscriber is behind with what they publish.",
		func(s fanout.Stats) uint64 { return s.Throttled }),
	heldAs("queues", func(m fanout.Memory) uint64 { return m.Queues }),
	heldAs("messages", func(m fanout.Memory) uint64 { return m.Messages }),
	heldAs("inboxes", func(m fanout.Memory) uint64 { return m.Inboxes }),
	heldAs("subscriptions", func(m fanout.Memory) uint64 { return m.Subscriptions }),
	heldAs("handshakes", func(m fanout.Memory) uint64 { return m.Handshakes }),
	heldAs("tls", func(m fanout.Memory) uint64 { return m.TLS }),
	heldAs("http", func(m fanout.Memory) uint64 { return m.HTTP }),
	heldAs("streams", func(m fanout.Memory) uint64 { return m.Streams }),
	heldAs("broker", func(m fanout.Memory) uint64 { return m.Broker }),
	heldAs("reserved", func(m fanout.Memory) uint64 { return m.Reserved }),
	gauge("spokehub_memory_budget_bytes", "The limit of the sum of spokehub_memory_bytes over all kinds.",
		func(s fanout.Stats) uint64 { return s.MemoryBudget }),

	gauge("spokehub_topics", "Topics with at least one subscriber.",
		func(s fanout.Stats) uint64 { return s.Topics }),
	gauge("spokehub_subscriptions", "Subscriptions of all clients.",
		func(s fanout.Stats) uint64 { return s.Subscriptions }),

	counter("spokehub_bytes_in_total", "Bytes received.",
		func(s fanout.Stats) uint64 { return s.BytesIn }),
	counter("spokehub_bytes_out_total", "Bytes sent.",
		func(s fanout.Stats) uint64 { return s.BytesOut }),
	counter("spokehub_reads_total", "System calls made to receive.",
		func(s fanout.Stats) uint64 { return s.Reads }),
	counter("spokehub_sends_total", "System calls made to send.",
		func(s fanout.Stats) uint64 { return s.Sends }),
	counter("spokehub_full_sockets_total", "Sends that found the socket full.",
		func(s fanout.Stats) uint64 { return s.FullSockets }),
	gauge("spokehub_blocked", "Connections whose socket is full.",
		func(s fanout.Stats) uint64 { return s.Blocked }),
	gauge("spokehub_reactors", "Goroutines that own connections.",
		func(s fanout.Stats) uint64 { return uint64(s.Reactors) }),
	counter("spokehub_turns_total", "Turns of the reactors.",
		func(s fanout.Stats) uint64 { return s.Turns }),
	counter("spokehub_proxy_headers_refused_total", "Connections refused for want of a proper PROXY protocol header from a trusted proxy.",
		func(s fanout.Stats) uint64 { return s.ProxyHeadersRefused }),
	counter("spokehub_forwarded_ignored_total", "Requests of trusted proxies whose X-Forwarded or Forwarded fields were malformed or contradictory.",
		func(s fanout.Stats) uint64 { return s.ForwardedIgnored }),

	gauge("spokehub_lagging", "Clients that are behind in a stream and get what they missed as their sockets drain, or whose events are skipped.",
		func(s fanout.Stats) uint64 { return s.Lagging }),
	counter("spokehub_lags_total", "Times that a client fell behind because it did not keep up with a type whose policy is not to close it.",
		func(s fanout.Stats) uint64 { return s.Lags }),
	counter("spokehub_gaps_total", "__gap sent: clients were told that there are events that they do not get.",
		func(s fanout.Stats) uint64 { return s.Gaps }),
	subscribedTo("resumed", func(s fanout.Stats) uint64 { return s.Resumed }),
	subscribedTo("gap", func(s fanout.Stats) uint64 { return s.Gapped }),
	subscribedTo("fresh", func(s fanout.Stats) uint64 { return s.Fresh }),
	gauge("spokehub_presence_rooms", "Topics with presence that users are subscribed to.",
		func(s fanout.Stats) uint64 { return s.PresenceRooms }),
	gauge("spokehub_presence_members", "Users who are subscribed to topics with presence, each once a topic.",
		func(s fanout.Stats) uint64 { return s.PresenceMembers }),
	gauge("spokehub_presence_watchers", "Pairs of a client and a topic of whose users it is told.",
		func(s fanout.Stats) uint64 { return s.PresenceWatchers }),
	counter("spokehub_presence_changes_total", "Users who came or went and of whom clients were told, each once however many clients there were.",
		func(s fanout.Stats) uint64 { return s.PresenceChanges }),
	gauge("spokehub_streams", "Streams that have events, or had some lately.",
		func(s fanout.Stats) uint64 { return s.Streams }),
	gauge("spokehub_stream_events", "Events that streams keep.",
		func(s fanout.Stats) uint64 { return s.StreamEvents }),
	counter("spokehub_stream_appended_total", "Events appended to streams.",
		func(s fanout.Stats) uint64 { return s.StreamAppended }),
	counter("spokehub_stream_trimmed_total", "Events that streams no longer keep.",
		func(s fanout.Stats) uint64 { return s.StreamTrimmed }),
	counter("spokehub_stream_repeated_total", "Events that were not sent because their stream had one with the same idempotency key already.",
		func(s fanout.Stats) uint64 { return s.StreamRepeated }),
	counter("spokehub_unavailable_total", "Events that were not sent because their stream did not take them.",
		func(s fanout.Stats) uint64 { return s.Unavailable }),

	counter("spokehub_panics_total", "Panics recovered in callbacks.",
		func(s fanout.Stats) uint64 { return s.Panics }),
}, clusterMetrics...)

// The codes and statuses that the hub sends are series from the start, so that even the first one shows as an increase.
var (
	ownCodes    = []uint16{1000, 1001, 1002, 1005, 1007, 1008, 1009, 1011, 1012, 1013, 4401}
	ownStatuses = []int{
		http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusUpgradeRequired,
		http.StatusTooManyRequests, http.StatusMisdirectedRequest, http.StatusRequestHeaderFieldsTooLarge, http.StatusServiceUnavailable,
	}
)

// hubCollector reads the hub's counters on every scrape and keeps none of its own.
type hubCollector struct {
	stats func() fanout.Stats
}

func (c hubCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, metric := range hubMetrics {
		descs <- metric.desc
	}
	for _, latency := range latencyDescs {
		descs <- latency.desc
	}
	for _, metric := range kindMetrics {
		descs <- metric.desc
	}
	descs <- slowDesc
	descs <- closesDesc
	descs <- refusalsDesc
}

func (c hubCollector) Collect(metrics chan<- prometheus.Metric) {
	stats := c.stats()
	for _, metric := range hubMetrics {
		metrics <- prometheus.MustNewConstMetric(metric.desc, metric.kind, float64(metric.value(stats)), metric.label...)
	}
	for _, latency := range latencyDescs {
		metrics <- latencyMetric{latency.desc, latency.value(stats.Latencies)}
	}
	collectKinds(stats, metrics)
	for cause, clients := range stats.SlowFilling.ByCause() {
		metrics <- prometheus.MustNewConstMetric(slowDesc, prometheus.CounterValue, float64(clients), "filling", cause.String())
	}
	for cause, clients := range stats.SlowClosed.ByCause() {
		metrics <- prometheus.MustNewConstMetric(slowDesc, prometheus.CounterValue, float64(clients), "closed", cause.String())
	}
	for _, code := range ownCodes {
		stats.Closes[code] += 0
	}
	for _, status := range ownStatuses {
		stats.Refusals[status] += 0
	}
	for code, closes := range stats.Closes {
		metrics <- prometheus.MustNewConstMetric(closesDesc, prometheus.CounterValue, float64(closes), strconv.Itoa(int(code)))
	}
	for status, refusals := range stats.Refusals {
		metrics <- prometheus.MustNewConstMetric(refusalsDesc, prometheus.CounterValue, float64(refusals), strconv.Itoa(status))
	}
}

// metricsHandler serves the metrics of the hub and of the Go runtime from a registry
// of its own, and more.
func metricsHandler(stats func() fanout.Stats, more ...prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "spokehub_build_info",
		Help:        "1, with the version as a label.",
		ConstLabels: prometheus.Labels{"version": buildVersion()},
	})
	build.Set(1)
	registry.MustRegister(
		build,
		hubCollector{stats},
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(
			collectors.MetricsGC,
			collectors.MetricsMemory,
			collectors.MetricsScheduler,
			collectors.GoRuntimeMetricsRule{Matcher: regexp.MustCompile(`^/cpu/classes/`)},
		)),
	)
	registry.MustRegister(more...)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry})
}
