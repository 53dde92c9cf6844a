package storm

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Metrics are samples by name, as in spokehub_connections. One with labels stands under its name with them, as in
// spokehub_closes_total{code="1013"}, and is part of the sum that stands under the name alone.
type Metrics map[string]float64

// ParseMetrics reads the Prometheus text format. What it can't read it leaves out.
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

// The names of the metrics that the storms look at.
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
	Handshakes    = "spokehub_handshakes_total"
	Refusals      = "spokehub_refusals_total"
	Closes        = "spokehub_closes_total"
	Panics        = "spokehub_panics_total"
	Malformed     = "spokehub_malformed_total"
)

// Ledger says what does not add up of the promise that every event is accounted for (protocol.md, promise 10), or nil. It holds at any
// quiet moment.
func (m Metrics) Ledger() error {
	for _, name := range []string{Deliveries, Delivered, HandedBack, Dropped, Queued} {
		if _, known := m[name]; !known {
			return fmt.Errorf("storm: the hub's metrics have no %s", name)
		}
	}
	if got := m[Delivered] + m[HandedBack] + m[Dropped] + m[Queued]; got != m[Deliveries] {
		return fmt.Errorf("storm: the ledger doesn't add up: %.0f subscribers at dispatch, %.0f delivered + %.0f handed back + %.0f dropped + %.0f queued",
			m[Deliveries], m[Delivered], m[HandedBack], m[Dropped], m[Queued])
	}
	return nil
}
