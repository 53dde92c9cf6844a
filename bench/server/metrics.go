//go:build linux

package server

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const requestTimeout = 15 * time.Second

var client = &http.Client{Timeout: requestTimeout, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}

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
	HeldBytes     = "spokehub_memory_bytes"
	StreamBytes   = `spokehub_memory_bytes{kind="streams"}`
	Lagging       = "spokehub_lagging"
	StreamEvents  = "spokehub_stream_events"
	Lags          = "spokehub_lags_total"
	MemoryBudget  = "spokehub_memory_budget_bytes"
	HeapBytes     = "go_memory_classes_heap_objects_bytes"
	StackBytes    = "go_memory_classes_heap_stacks_bytes"
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

// Metrics reads the hub's /metrics.
func (s *Server) Metrics() (Metrics, error) {
	body, err := s.get("/metrics")
	return ParseMetrics(body), err
}

// goroutines reads from the hub's profile how many goroutines it has.
func (s *Server) goroutines() (int, error) {
	body, err := s.get("/debug/pprof/goroutine?debug=1")
	if err != nil {
		return 0, err
	}
	line, _, _ := bytes.Cut(body, []byte("\n"))
	_, total, _ := bytes.Cut(line, []byte("total "))
	return strconv.Atoi(string(total))
}

func (s *Server) get(path string) ([]byte, error) {
	if s.Admin == "" {
		return nil, errors.New("the server has no admin address")
	}
	response, err := client.Get(s.Admin + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return body, nil
}

// Profile records a CPU profile of the hub over some time and writes it to out.
func (s *Server) Profile(seconds int, out io.Writer) error {
	response, err := http.Get(fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", s.Admin, seconds))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(out, response.Body)
	return err
}

// Heap writes a profile of the hub's live memory, as of a collection that it asks for.
func (s *Server) Heap(out io.Writer) error {
	body, err := s.get("/debug/pprof/heap?gc=1")
	if err == nil {
		_, err = out.Write(body)
	}
	return err
}

// Publish posts envelopes, one a line, and returns when the hub has dispatched all of them.
func (s *Server) Publish(lines []byte) error {
	response, err := client.Post(s.Admin+"/publish", "application/x-ndjson", bytes.NewReader(lines))
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	defer response.Body.Close()
	var report struct{ Accepted, Rejected int }
	if err := json.NewDecoder(response.Body).Decode(&report); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if want := bytes.Count(lines, []byte("\n")); response.StatusCode != http.StatusOK || report.Accepted != want {
		return fmt.Errorf("publish: %s, %d accepted and %d rejected of %d", response.Status, report.Accepted, report.Rejected, want)
	}
	return nil
}
