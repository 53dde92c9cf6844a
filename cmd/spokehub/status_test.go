package main

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

// status is the answer of GET /status.
func (p *process) status(t *testing.T, query string) statusAnswer {
	t.Helper()
	status, header, body := get(t, p.admin+"status"+query)
	if status != http.StatusOK || header.Get("Content-Type") != "application/json" {
		t.Fatalf("got %d of the type %q, want 200 and JSON: %s", status, header.Get("Content-Type"), body)
	}
	var answer statusAnswer
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("read %s: %v", body, err)
	}
	return answer
}

// awaitStatus asks until the answer is as a test wants it.
func (p *process) awaitStatus(t *testing.T, what string, is func(statusAnswer) bool) statusAnswer {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for end := time.After(patience); ; {
		answer := p.status(t, "")
		if is(answer) {
			return answer
		}
		select {
		case <-again.C:
		case <-end:
			t.Fatalf("got the status %+v, want one with %s", answer, what)
		}
	}
}

func TestStatusTellsWhatTheHubDoes(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--max-connections=50")
	subscriber, other := connect(t, hub.websocket), connect(t, hub.websocket)
	subscriber.subscribe(t, "news", "price")
	other.subscribe(t, "news")
	post(t, hub.admin+"publish", "", `{"type":"news","payload":1}`)
	subscriber.receive(t)
	other.receive(t)

	got := hub.awaitStatus(t, "a sample with two deliveries", func(a statusAnswer) bool {
		return len(a.Samples) > 0 && a.Samples[len(a.Samples)-1].Connections == 2 && a.Counters["delivered"] == 2
	})
	if got.Process.Version == "" || got.Process.Instance == "" || got.Process.Uptime <= 0 || got.Process.Now.IsZero() || got.Process.Capacity != 50 {
		t.Errorf("got the process %+v, want all of it, and 50 clients at most", got.Process)
	}
	if got.Gauges["connections"] != 2 || got.Gauges["subscriptions"] != 3 || got.Counters["events_dispatched"] != 1 || got.Counters["refusals.403"] != 0 {
		t.Errorf("got the gauges %v and counters %v, want 2 connections, 3 subscriptions and 1 event", got.Gauges, got.Counters)
	}
	total := uint64(0)
	for _, kind := range got.Memory.Kinds {
		total += kind.Bytes
	}
	if total == 0 || total != got.Memory.Total || got.Memory.Budget == 0 {
		t.Errorf("got the memory %+v, want kinds that make its total, and a budget", got.Memory)
	}
	if got.Broker != nil || got.Nodes != nil {
		t.Errorf("got the broker %+v and the nodes %v, want none", got.Broker, got.Nodes)
	}
	got = hub.awaitStatus(t, "two topics", func(a statusAnswer) bool { return len(a.Topics) == 2 })
	if want := []topTopic{{"news", 2}, {"price", 1}}; !reflect.DeepEqual(got.Topics, want) {
		t.Errorf("got the topics %v, want %v", got.Topics, want)
	}
}

func TestStatusHasOnlyNewerSamplesSinceOne(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil)
	all := hub.awaitStatus(t, "two samples", func(a statusAnswer) bool { return len(a.Samples) >= 2 })
	for i, s := range all.Samples {
		if s.N != uint64(i+1) {
			t.Errorf("got the number %d of sample %d, want %d", s.N, i, i+1)
		}
	}
	for _, s := range hub.status(t, "?since=1").Samples {
		if s.N < 2 {
			t.Errorf("got sample %d since 1, want only newer ones", s.N)
		}
	}
	if got := hub.status(t, "?since=1000000").Samples; got == nil || len(got) != 0 {
		t.Errorf("got %v since a sample that is to come, want an empty list", got)
	}
	if status, _, body := get(t, hub.admin+"status?since=yesterday"); status != http.StatusBadRequest || !strings.Contains(body, "since: got") {
		t.Errorf("got %d %q for a since that is no number, want 400 and the name of the parameter", status, body)
	}
}

func TestStatusTellsOfAnUnreadyHub(t *testing.T) {
	t.Parallel()
	hub := startHub(t, nil, "--max-connections=1")
	connect(t, hub.websocket)
	got := hub.awaitStatus(t, "a reason", func(a statusAnswer) bool { return a.Process.Unready != "" })
	if want := "full: 1 of 1 connections"; got.Process.Unready != want {
		t.Errorf("got %q, want %q", got.Process.Unready, want)
	}
}

func TestProcessesDifferInTheirInstance(t *testing.T) {
	t.Parallel()
	if first, second := startHub(t, nil).status(t, ""), startHub(t, nil).status(t, ""); first.Process.Instance == second.Process.Instance {
		t.Errorf("got the instance %s twice, want two", first.Process.Instance)
	}
}

func TestStatusHasEveryMetric(t *testing.T) {
	stats := fanout.Stats{DroppedBudget: 3, Refusals: map[int]uint64{403: 5}, Closes: map[uint16]uint64{1013: 6}}
	gauges, counters := metricValues(stats)
	kinds := len(maps.Collect(fanout.Memory{}.ByKind()))
	if got := len(gauges) + len(counters); got != len(hubMetrics)-kinds+2 {
		t.Errorf("got %d values, want one for each of %d metrics but the memory", got, len(hubMetrics))
	}
	for name, want := range map[string]uint64{"dropped.budget": 3, "refusals.403": 5, "closes.1013": 6} {
		if counters[name] != want {
			t.Errorf("got %d for %s, want %d", counters[name], name, want)
		}
	}
}

func TestLargestTopics(t *testing.T) {
	topics := map[string]int{}
	for i := range 1000 {
		topics[fmt.Sprintf("topic-%03d", i)] = i / 2
	}
	for range 20 {
		got := largestTopics(maps.All(topics))
		if len(got) != topTopics {
			t.Fatalf("got %d topics, want %d", len(got), topTopics)
		}
		for i, topic := range got {
			want := topTopic{fmt.Sprintf("topic-%03d", 998-i/2*2+i%2), 499 - i/2}
			if topic != want {
				t.Fatalf("got %v in place %d, want %v", topic, i+1, want)
			}
		}
	}
}

func TestTopicsAreNotCountedIfThereAreTooMany(t *testing.T) {
	var board topicBoard
	topics := map[string]int{"news": 1}
	all := func() iter.Seq2[string, int] { return maps.All(topics) }
	if got := board.top(maxCountedTopics+1, all); got != nil {
		t.Errorf("got %v of too many topics, want none", got)
	}
	if got := board.top(1, all); len(got) != 1 {
		t.Errorf("got %v, want one topic", got)
	}
	topics["price"] = 1
	if got := board.top(2, all); len(got) != 1 {
		t.Errorf("got %v at once, want the count of before", got)
	}
}
