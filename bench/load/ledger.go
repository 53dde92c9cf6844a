//go:build linux

package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	metricsTimeout   = 5 * time.Second
	ledgerDeliveries = "spokehub_deliveries_total"
	ledgerDelivered  = "spokehub_delivered_total"
	ledgerDropped    = "spokehub_dropped_total"
	ledgerQueued     = "spokehub_queued"
	ledgerGarbage    = "go_cpu_classes_gc_total_cpu_seconds"
)

// scrape gives the samples of the hub's /metrics, labels summed up.
func (s *Stand) scrape() (map[string]float64, error) {
	if s.server.Admin == "" {
		return nil, errors.New("no admin address")
	}
	client := http.Client{Timeout: metricsTimeout}
	response, err := client.Get(s.server.Admin + "/metrics")
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the metrics: status %s: %w", response.Status, err)
	}
	return parseMetrics(body), nil
}

// parseMetrics reads the Prometheus text format; samples of one name are added up over their labels.
func parseMetrics(body []byte) map[string]float64 {
	samples := map[string]float64{}
	lines := bufio.NewScanner(bytes.NewReader(body))
	for lines.Scan() {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || at < 0 {
			continue
		}
		name, _, _ := strings.Cut(line[:at], "{")
		if value, err := strconv.ParseFloat(line[at+1:], 64); err == nil {
			samples[name] += value
		}
	}
	return samples
}

// garbageSeconds is the hub's CPU time spent on garbage collection.
func (s *Stand) garbageSeconds() (seconds float64, known bool) {
	samples, err := s.scrape()
	if err != nil {
		return 0, false
	}
	for _, name := range []string{ledgerGarbage + "_total", ledgerGarbage} {
		if seconds, known = samples[name]; known {
			return seconds, true
		}
	}
	return 0, false
}

// checkLedger holds the hub to its promise that every event is accounted for, and compares with what the subscribers counted.
func (s *Stand) checkLedger(seen uint64) {
	if s.server.Admin == "" {
		return
	}
	samples, err := s.scrape()
	if err != nil {
		s.result.Note("the ledger wasn't checked: %v", err)
		return
	}
	if note := judgeLedger(samples, seen); note != "" {
		s.result.Failed = true
		s.result.Note("void: %s", note)
	}
}

// judgeLedger says what doesn't add up, or nothing.
func judgeLedger(samples map[string]float64, seen uint64) string {
	for _, name := range []string{ledgerDeliveries, ledgerDelivered, ledgerDropped, ledgerQueued} {
		if _, known := samples[name]; !known {
			return "the hub's metrics have no " + name
		}
	}
	subscribers, delivered := samples[ledgerDeliveries], samples[ledgerDelivered]
	dropped, queued := samples[ledgerDropped], samples[ledgerQueued]
	if subscribers != delivered+dropped+queued {
		return fmt.Sprintf("the hub's ledger doesn't add up: %.0f subscribers at dispatch, %.0f delivered + %.0f dropped + %.0f queued",
			subscribers, delivered, dropped, queued)
	}
	if delivered < float64(seen) {
		return fmt.Sprintf("the hub says that it delivered %.0f, but subscribers have %d", delivered, seen)
	}
	return ""
}
