package main

import (
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/spokehub/spokehub/fanout"
)

// scrape asks for metrics in a format, empty for text, and returns those of each name.
func scrape(t *testing.T, handler http.Handler, format expfmt.Format) map[string]*dto.MetricFamily {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	if format != "" {
		request.Header.Set("Accept", string(format))
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if got := expfmt.ResponseFormat(answer.Header()); format != "" && got.FormatType() != format.FormatType() {
		t.Fatalf("got the format %q, want %q", got, format)
	}
	families := map[string]*dto.MetricFamily{}
	decoder := expfmt.NewDecoder(answer.Body, expfmt.ResponseFormat(answer.Header()))
	for {
		family := new(dto.MetricFamily)
		if decoder.Decode(family) != nil {
			return families
		}
		families[family.GetName()] = family
	}
}

// bound is the upper bound of a native bucket.
func bound(index int) time.Duration {
	return time.Duration(math.Exp2(float64(index)/8) * float64(time.Second))
}

// someLatency has buckets of every kind: too short, two side by side, one apart, and too long.
var someLatency = fanout.Latency{Count: 21, Seconds: 321.5, Buckets: []fanout.LatencyBucket{
	{Above: 0, UpTo: bound(-160), Count: 1},
	{Above: bound(-81), UpTo: bound(-80), Count: 5},
	{Above: bound(-80), UpTo: bound(-79), Count: 2},
	{Above: bound(-1), UpTo: bound(0), Count: 10},
	{Above: bound(48), UpTo: math.MaxInt64, Count: 3},
}}

func statsOfSomeLatency() fanout.Stats {
	return fanout.Stats{Latencies: fanout.Latencies{Dispatch: someLatency}, Closes: map[uint16]uint64{}, Refusals: map[int]uint64{}}
}

func TestLatenciesInTextHaveClassicBuckets(t *testing.T) {
	families := scrape(t, metricsHandler(statsOfSomeLatency), "")
	h := families["spokehub_dispatch_seconds"].GetMetric()[0].GetHistogram()
	if h.GetSampleCount() != 21 || h.GetSampleSum() != 321.5 {
		t.Errorf("got a count of %d and a sum of %v, want 21 and 321.5", h.GetSampleCount(), h.GetSampleSum())
	}
	got := map[float64]uint64{}
	for _, b := range h.GetBucket() {
		got[b.GetUpperBound()] = b.GetCumulativeCount()
	}
	for upTo, want := range map[float64]uint64{0x1p-18: 1, 0x1p-12: 1, 0x1p-10: 6, 0x1p-8: 8, 0x1p-2: 8, 1: 18, 4: 18, 16: 18, math.Inf(1): 21} {
		if got[upTo] != want {
			t.Errorf("got %d up to %v s, want %d", got[upTo], upTo, want)
		}
	}
	if len(got) != classicBounds+1 {
		t.Errorf("got %d bounds, want %d and the infinite one", len(got), classicBounds)
	}
}

func TestLatenciesInProtobufHaveNativeBucketsToo(t *testing.T) {
	families := scrape(t, metricsHandler(statsOfSomeLatency), expfmt.NewFormat(expfmt.TypeProtoDelim))
	h := families["spokehub_dispatch_seconds"].GetMetric()[0].GetHistogram()
	got := nativeBuckets(h)
	want := map[int]int64{-80: 5, -79: 2, 0: 10, 49: 3}
	for index, n := range want {
		if got[index] != n {
			t.Errorf("bucket %d: got %d, want %d", index, got[index], n)
		}
	}
	if len(got) != len(want) || h.GetZeroCount() != 1 || h.GetZeroThreshold() != 0x1p-20 || h.GetSchema() != 3 || len(h.GetBucket()) != classicBounds {
		t.Errorf("got the buckets %v, %d up to %v, schema %d and %d classic bounds", got, h.GetZeroCount(), h.GetZeroThreshold(), h.GetSchema(), len(h.GetBucket()))
	}
	empty := families["spokehub_resume_seconds"].GetMetric()[0].GetHistogram()
	if empty.GetSampleCount() != 0 || empty.Schema == nil || empty.ZeroThreshold == nil || len(empty.GetBucket()) != classicBounds {
		t.Errorf("got %v, want an empty histogram that has both kinds of buckets", empty)
	}
}

// nativeBuckets are the counts by index.
func nativeBuckets(h *dto.Histogram) map[int]int64 {
	counts, index, n, at := map[int]int64{}, 0, int64(0), 0
	for _, span := range h.GetPositiveSpan() {
		index += int(span.GetOffset())
		for range span.GetLength() {
			n += h.GetPositiveDelta()[at]
			counts[index] = n
			at++
			index++
		}
	}
	return counts
}

func TestLatenciesOfARunningHubAddUp(t *testing.T) {
	hub := startHub(t, nil)
	subscriber := connect(t, hub.websocket)
	subscriber.subscribe(t, "news")
	for range 5 {
		post(t, hub.admin+"publish", "", `{"type":"news"}`)
		subscriber.receive(t)
	}
	_, _, body := get(t, hub.admin+"metrics")
	for _, line := range []string{"spokehub_dispatch_seconds_count 5", `spokehub_dispatch_seconds_bucket{le="+Inf"} 5`, "spokehub_handshake_seconds_count 1", "spokehub_delivered_total 5"} {
		if !strings.Contains(body, "\n"+line+"\n") {
			t.Errorf("got no line %q in /metrics, want it:\n%s", line, hubLines(body))
		}
	}
	_, rest, _ := strings.Cut(body, "\nspokehub_dispatch_seconds_sum ")
	text, _, _ := strings.Cut(rest, "\n")
	if sum, err := strconv.ParseFloat(text, 64); err != nil || sum <= 0 {
		t.Errorf("got a sum of %q, want some time", text)
	}
}
