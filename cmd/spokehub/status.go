package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/spokehub/spokehub/fanout"
)

// statusBoard answers GET /status: how the hub is, for the dashboard and for spokehub top. Any goroutine may use it.
type statusBoard struct {
	service  *service
	samples  sampleRing
	topics   topicBoard
	reactors reactorBoard
	slow     slowBoard
	// instance differs between processes, so that a reader notices another one.
	instance string
	started  time.Time
}

func newStatusBoard(s *service) *statusBoard {
	return &statusBoard{service: s, instance: rand.Text(), started: time.Now()}
}

// run takes samples until stop is closed.
func (b *statusBoard) run(stop <-chan struct{}) {
	every := time.NewTicker(sampleInterval)
	defer every.Stop()
	b.samples.record(every.C, func() fanout.Stats {
		b.reactors.look(b.service.hub.Reactors())
		return b.service.gate.stats()
	}, stop)
}

// statusAnswer is the answer of GET /status.
type statusAnswer struct {
	Process statusProcess `json:"process"`
	// Gauges and Counters are those of /metrics, without spokehub_ and _total; what has a label has it behind a dot.
	Gauges   map[string]uint64 `json:"gauges"`
	Counters map[string]uint64 `json:"counters"`
	Memory   statusMemory      `json:"memory"`
	Queues   statusQueues      `json:"queues"`
	// Broker and Nodes are missing in a hub without a broker.
	Broker *statusBroker `json:"broker,omitempty"`
	Nodes  []nodeAnswer  `json:"nodes,omitempty"`
	// Topics have the most subscribers. They are missing if there are too many topics to look at.
	Topics []topTopic `json:"topics,omitempty"`
	statusLooks
	// Samples are those of the last ten minutes, or those behind ?since=.
	Samples []sample `json:"samples"`
}

// statusLooks are what is looked at more closely.
type statusLooks struct {
	Latencies []latencyAnswer `json:"latencies,omitempty"`
	Reactors  []reactorAnswer `json:"reactors,omitempty"`
	// Slow are clients that don't keep up, and those that were closed because they did not.
	Slow []slowClient `json:"slow,omitempty"`
}

// statusProcess says which process answers, and whether it takes clients.
type statusProcess struct {
	Version  string `json:"version"`
	Node     string `json:"node,omitempty"`
	Instance string `json:"instance"`
	// Uptime is in seconds.
	Uptime float64   `json:"uptime_seconds"`
	Now    time.Time `json:"now"`
	// Unready is why no further client should be sent here, "" if there is no reason.
	Unready  string `json:"unready,omitempty"`
	Capacity uint64 `json:"capacity,omitempty"`
	Engine   string `json:"engine"`
	Reactors int    `json:"reactors"`
}

// statusMemory is what clients make the hub hold, in bytes. A Budget of 0 is none.
type statusMemory struct {
	Kinds  []memoryKind `json:"kinds"`
	Total  uint64       `json:"total"`
	Budget uint64       `json:"budget"`
}

// memoryKind is memory of one kind.
type memoryKind struct {
	Kind  string `json:"kind"`
	Bytes uint64 `json:"bytes"`
}

// statusQueues is what waits to be sent, and who makes it wait.
type statusQueues struct {
	Events       uint64 `json:"events"`
	Bytes        uint64 `json:"bytes"`
	WaitingBytes uint64 `json:"waiting_bytes"`
	Blocked      uint64 `json:"blocked"`
	Throttled    uint64 `json:"throttled"`
	Lagging      uint64 `json:"lagging"`
}

// statusBroker is how the hub and its broker stand.
type statusBroker struct {
	Up    bool      `json:"up"`
	Since time.Time `json:"since"`
	// Error is why it is not there, or what is wrong with this hub's name. Degraded is what it does not do.
	Error    string `json:"error,omitempty"`
	Degraded string `json:"degraded,omitempty"`
	// LostAt is when events may have been lost last.
	LostAt *time.Time `json:"lost_at,omitempty"`
}

// ServeHTTP answers with the samples behind ?since=, the number of one, or with all.
func (b *statusBoard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	since, err := sinceOf(r)
	if err != nil {
		writeText(w, http.StatusBadRequest, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(b.answer(since))
}

func sinceOf(r *http.Request) (uint64, error) {
	text := r.URL.Query().Get("since")
	if text == "" {
		return 0, nil
	}
	since, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("since: got %.40q, want the number of a sample, such as 12: the n of the last one that you have", text)
	}
	return since, nil
}

func (b *statusBoard) answer(since uint64) statusAnswer {
	s := b.service
	stats := s.gate.stats()
	a := statusAnswer{
		Process: statusProcess{
			Version: buildVersion(), Instance: b.instance, Uptime: time.Since(b.started).Round(time.Millisecond).Seconds(), Now: time.Now(),
			Unready: s.unready(stats, true), Capacity: s.live.capacity.Load(), Engine: stats.Engine.String(), Reactors: stats.Reactors,
		},
		Memory: statusMemory{Total: stats.Memory.Total(), Budget: stats.MemoryBudget},
		Queues: statusQueues{
			Events: stats.Queued, Bytes: stats.QueuedBytes, WaitingBytes: stats.Waiting,
			Blocked: stats.Blocked, Throttled: stats.Throttled, Lagging: stats.Lagging,
		},
		Nodes:   s.nodes(),
		Topics:  b.topics.top(stats.Topics, s.hub.Topics),
		Samples: b.samples.since(since),
	}
	for kind, bytes := range stats.Memory.ByKind() {
		a.Memory.Kinds = append(a.Memory.Kinds, memoryKind{kind, bytes})
	}
	if i := slices.IndexFunc(a.Nodes, func(n nodeAnswer) bool { return n.Self }); i >= 0 {
		a.Process.Node = a.Nodes[i].Node
	}
	a.Broker = newStatusBroker(s.hub.Broker())
	a.statusLooks = statusLooks{latencyAnswers(stats.Latencies), b.reactors.answers(), b.slow.list(stats.Blocked, s.hub)}
	a.Gauges, a.Counters = metricValues(stats)
	return a
}

func newStatusBroker(state fanout.BrokerState) *statusBroker {
	if !state.Clustered {
		return nil
	}
	b := &statusBroker{Up: state.Up, Since: state.Since}
	if state.Err != nil {
		b.Error = state.Err.Error()
	}
	if state.Degraded != nil {
		b.Degraded = state.Degraded.Error()
	}
	if !state.LostAt.IsZero() {
		b.LostAt = &state.LostAt
	}
	return b
}

// metricValues are the values of hubMetrics, but for the memory, which has a place of its own.
func metricValues(stats fanout.Stats) (gauges, counters map[string]uint64) {
	gauges, counters = map[string]uint64{}, map[string]uint64{}
	for _, m := range hubMetrics {
		if m.desc == memoryDesc {
			continue
		}
		name := strings.Join(append([]string{m.shortName()}, m.label...), ".")
		if m.kind == prometheus.GaugeValue {
			gauges[name] = m.value(stats)
		} else {
			counters[name] = m.value(stats)
		}
	}
	for code, closes := range stats.Closes {
		counters[fmt.Sprintf("closes.%d", code)] = closes
	}
	for status, refusals := range stats.Refusals {
		counters[fmt.Sprintf("refusals.%d", status)] = refusals
	}
	return gauges, counters
}
