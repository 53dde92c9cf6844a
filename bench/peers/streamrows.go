//go:build linux

package main

import "github.com/spokehub/spokehub/bench/load"

// The workloads with slow spokes: with a thousand, and with a hundred and more bandwidth for each, so that a slow one has soon read what its
// queue had when it fell behind.
const allThrottled, fewThrottled = "spokes=1000/topics=10/rate=50", "spokes=100/topics=10/rate=200"

// Goals of hubs with policies. Those of other types are to cost nothing, which is what tolerated says.
var (
	onStream    = goal{ratio: 1.15, rival: "hub", subject: load.HubStreams}
	beside      = goal{ratio: tolerated, rival: "hub", subject: load.HubPolicies}
	shown       = goal{rival: "hub", subject: load.HubStreams}
	caughtUp    = goal{ratio: 1.1, rival: load.HubStreams, subject: load.HubCatchUp}
	caughtUpAll = goal{absolute: 100, more: true, subject: load.HubCatchUp}
	latestAll   = goal{absolute: 10, more: true, subject: load.HubLatest}
	latestAge   = goal{absolute: 1, subject: load.HubLatest}
	latestFlat  = goal{absolute: 1.1, subject: load.HubLatest}
	latestShown = goal{rival: load.HubStreams, subject: load.HubLatest}
)

// streamRows are those of the table of hubs with policies. In each row the first figure of the ratio is that of the hub which the title names.
var streamRows = []row{
	{"saturate", smallFew, load.MetricCPU, "on a stream: 1,000 of one topic, 64 in flight, 128 B", unitCPU, onStream},
	{"saturate", smallMany, load.MetricCPU, "on a stream: 10,000 of one topic, 16 in flight, 128 B", unitCPU, onStream},
	{"one-in-flight", "spokes=1000/", load.MetricCPU, "on a stream: 1,000 of one topic, one in flight", unitCPU, onStream},
	{"one-in-flight", "spokes=10000/", load.MetricCPU, "on a stream: 10,000 of one topic, one in flight", unitCPU, onStream},
	{"saturate", smallFew, load.MetricCPU, "policies of other types: 1,000 of one topic, 64 in flight, 128 B", unitCPU, beside},
	{"saturate", smallMany, load.MetricCPU, "policies of other types: 10,000 of one topic, 16 in flight, 128 B", unitCPU, beside},
	{"one-in-flight", "spokes=1000/", load.MetricCPU, "policies of other types: 1,000 of one topic, one in flight", unitCPU, beside},
	{"one-in-flight", "spokes=10000/", load.MetricCPU, "policies of other types: 10,000 of one topic, one in flight", unitCPU, beside},
	{"events-in", "batch=16/", load.MetricCPU, "on a stream: events in, 16 a write, to nobody", "us of CPU an event", shown},
	{"events-in", "batch=16/", load.MetricCPU, "policies of other types: events in, 16 a write, to nobody", "us of CPU an event", beside},
	{"kept", "", load.MetricKept, "on a stream: kept, 128 B of payload, as the hub counts", "B an event", shown},
	{"kept", "", load.MetricKeptHeap, "on a stream: kept, 128 B of payload, growth of the heap", "B an event", shown},
	{"kept", "", load.MetricCPU, "on a stream: published to nobody over HTTP", "us of CPU an event", shown},
	{"resume", "", load.MetricLast, "on a stream: all resume at once, each has missed 1,000: until the last", "s", shown},
	{"resume", "", load.MetricCPU, "on a stream: connect, resume, and get 1,000", "us of CPU each", shown},
	{"resume", "", load.MetricReplayCPU, "on a stream: connect, resume, and get 1,000", "us of CPU an event", shown},
	{"resume", "", load.MetricResumeMemory, "on a stream: the most memory while all resume", "B a spoke", shown},
	{"throttled", allThrottled, load.MetricP99, "catch-up against close, 10 % at a tenth of the bandwidth: p99 of the healthy", unitMillis, caughtUp},
	{"throttled", allThrottled, load.MetricCalmP99, "... without slow ones: p99", unitMillis, goal{rival: load.HubStreams, subject: load.HubCatchUp}},
	{"throttled", allThrottled, load.MetricPeakMemory, "... the most memory of the process", "MB", goal{rival: load.HubStreams, subject: load.HubCatchUp}},
	{"throttled", allThrottled, load.MetricStayed, "... slow ones of 100 that were not closed: catch-up", "spokes", caughtUpAll},
	{"throttled", fewThrottled, load.MetricStayed, "latest: slow ones of 10 that were not closed", "spokes", latestAll},
	{"throttled", fewThrottled, load.MetricAge, "... age on arrival, of two round trips and the interval: at most", "times", latestAge},
	{"throttled", fewThrottled, load.PrefixAge + load.MetricP99, "... age on arrival: p99", unitMillis, latestShown},
	{"throttled", fewThrottled, load.PrefixTrip + load.MetricP50, "... round trip of slow ones: p50", unitMillis, latestShown},
	{"throttled", fewThrottled, load.MetricHeld, "... memory held, streams apart: at most, second half", "B a slow one", latestShown},
	{"throttled", fewThrottled, load.MetricHeldGrowth, "... memory held, second half against first", "times", latestFlat},
	{"throttled", fewThrottled, load.MetricP99, "... p99 of the healthy against close", unitMillis, latestShown},
}
