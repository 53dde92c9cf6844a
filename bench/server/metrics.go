package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Metrics are samples by name, as in spokehub_connections. One with labels stands under its name with them, as in
// spokehub_closes_total{code="1013"}, and is part of the sum that stands under the name alone.
type Metrics map[string]float64

// The names of the hub's metrics that are read.
const (
	Connections   = "spokehub_connections"
	Topics        = "spokehub_topics"
	Subscriptions = "spokehub_subscriptions"
	Queued        = "spokehub_queued"
	QueuedBytes   = "spokehub_queued_bytes"
	Deliveries    = "spokehub_deliveries_total"
	Delivered     = "spokehub_delivered_total"
	HandedBack    = "spokehub_handed_back_total"
	Dropped       = "spokehub_dropped_total"
	Backpressured = "spokehub_backpressure_total"
	Blocked       = "spokehub_blocked"
	Accepted      = "spokehub_accepted_total"
	Closes        = "spokehub_closes_total"
	EventsIn      = "spokehub_events_in_total"
	Panics        = "spokehub_panics_total"
)

const garbageSeconds = "go_cpu_classes_gc_total_cpu_seconds"

// ErrNoMetric is what Ledger returns for a hub whose metrics lack a column of the ledger.
var ErrNoMetric = errors.New("the metrics have no")

// ParseMetrics reads the Prometheus text format. It leaves out what it can't read.
func ParseMetrics(body []byte) Metrics {
	samples := Metrics{}
	lines := bufio.NewScanner(bytes.NewReader(body))
	for lines.Scan() {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			continue
		}
		name, _, labelled := strings.Cut(line[:at], "{")
		samples[name] += value
		if labelled {
			samples[line[:at]] = value
		}
	}
	return samples
}

// Ledger checks the promise that every event is accounted for (docs/protocol.md), and that the hub counted at least as many deliveries
// as its subscribers received. It holds at any quiet moment.
func (m Metrics) Ledger(received uint64) error {
	for _, name := range []string{Deliveries, Delivered, HandedBack, Dropped, Queued} {
		if _, known := m[name]; !known {
			return fmt.Errorf("%w %s", ErrNoMetric, name)
		}
	}
	if got := m[Delivered] + m[HandedBack] + m[Dropped] + m[Queued]; got != m[Deliveries] {
		return fmt.Errorf("the ledger doesn't add up: %.0f subscribers at dispatch, %.0f delivered + %.0f handed back + %.0f dropped + %.0f queued",
			m[Deliveries], m[Delivered], m[HandedBack], m[Dropped], m[Queued])
	}
	if m[Delivered] < float64(received) {
		return fmt.Errorf("the hub counted %.0f deliveries, but subscribers received %d", m[Delivered], received)
	}
	return nil
}

// GarbageSeconds is the CPU time that the hub has spent on garbage collection.
func (m Metrics) GarbageSeconds() (seconds float64, known bool) {
	if seconds, known = m[garbageSeconds+"_total"]; !known {
		seconds, known = m[garbageSeconds]
	}
	return seconds, known
}
