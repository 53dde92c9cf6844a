package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

func TestEveryKindHasItsSeries(t *testing.T) {
	for kind := fanout.CauseKind(1); !strings.HasPrefix(kind.String(), "cause "); kind++ {
		if causeNames[kind] == "" {
			t.Errorf("got no label for the cause %v, want one", kind)
		}
	}
	for kind := event.Subscribe; kind <= event.UnknownControl; kind++ {
		if controlNames[kind] == "" {
			t.Errorf("got no label for control events of kind %d, want one", kind)
		}
	}
	hub, err := fanout.New(fanout.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer hub.Shutdown(t.Context())
	if got, want := slices.Sorted(maps.Keys(hub.Stats().Kinds.LogSuppressed)), slices.Sorted(maps.Keys(logNames)); !slices.Equal(got, want) {
		t.Errorf("got labels for log lines of the kinds %q, want %q", want, got)
	}
}

func TestKindsShowUnderTheirLabels(t *testing.T) {
	stats := statsOfSomeLatency()
	stats.EventsRelayed, stats.EventsDispatched, stats.BrokerReceived = 1, 2, 3
	stats.Kinds = fanout.Kinds{
		Controls: map[event.Kind]uint64{event.Auth: 4}, Rejects: map[event.Reason]uint64{event.Limit: 5},
		Disconnections: map[fanout.CauseKind]uint64{fanout.CauseSilent: 6}, LogSuppressed: map[string]uint64{"slow": 7},
	}
	families := scrape(t, metricsHandler(func() fanout.Stats { return stats }), "")
	for name, want := range map[string]map[string]float64{
		"spokehub_published_total":      {"websocket": 1, "http": 2, "broker": 3},
		"spokehub_control_events_total": {"subscribe": 0, "unsubscribe": 0, "auth": 4, "presence": 0, "unknown": 0},
		"spokehub_rejects_total":        {"invalid_topic": 0, "forbidden": 0, "limit": 5, "unauthenticated": 0, "unavailable": 0},
		"spokehub_disconnections_total": {"peer_closed": 0, "peer_gone": 0, "violation": 0, "backpressure": 0, "budget": 0, "silent": 6, "closed": 0, "removed": 0, "shutdown": 0, "internal": 0, "unauthenticated": 0},
		"spokehub_log_suppressed_total": {"malformed": 0, "slow": 7, "violation": 0, "resources": 0, "hijack": 0, "refusal": 0, "handshake": 0, "identity": 0, "stream": 0, "broker": 0, "message": 0, "node": 0, "filling": 0},
	} {
		got := map[string]float64{}
		for _, metric := range families[name].GetMetric() {
			got[metric.GetLabel()[0].GetValue()] = valueOf(metric)
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}
