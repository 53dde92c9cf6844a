package main

import (
	"math"
	"sync"
	"time"

	"github.com/spokehub/spokehub/fanout"
)

const (
	// shownSlow is how many slow clients the dashboard shows of those that are connected, and of those that were closed.
	shownSlow = 10
	// slowAge is how long a look at them is good.
	slowAge = 5 * time.Second
)

// latencyAnswer is how long something has taken since the hub started, in milliseconds.
type latencyAnswer struct {
	Of    string  `json:"of"`
	Count uint64  `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
}

// latencyAnswers leaves out what has not happened.
func latencyAnswers(l fanout.Latencies) []latencyAnswer {
	var all []latencyAnswer
	for _, of := range []struct {
		name string
		took fanout.Latency
	}{{"dispatch", l.Dispatch}, {"handshake", l.Handshake}, {"callback", l.Callback}, {"resume", l.Resume}} {
		if of.took.Count > 0 {
			all = append(all, latencyAnswer{of.name, of.took.Count, quantileMs(of.took, 0.5), quantileMs(of.took, 0.99), quantileMs(of.took, 0.999)})
		}
	}
	return all
}

func quantileMs(l fanout.Latency, q float64) float64 {
	return math.Round(float64(l.Quantile(q).Microseconds())) / 1000
}

// sampleLatency is how long the deliveries of a sample took, in milliseconds.
type sampleLatency struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// newSampleLatency is nil if there was no delivery in between.
func newSampleLatency(before, now fanout.Latency) *sampleLatency {
	l := latencySince(before, now)
	if l.Count == 0 {
		return nil
	}
	return &sampleLatency{quantileMs(l, 0.5), quantileMs(l, 0.99)}
}

// latencySince is what has come to a histogram in between. Its Seconds are not set.
func latencySince(before, now fanout.Latency) fanout.Latency {
	had := make(map[time.Duration]uint64, len(before.Buckets))
	for _, b := range before.Buckets {
		had[b.UpTo] = b.Count
	}
	var l fanout.Latency
	for _, b := range now.Buckets {
		if b.Count -= had[b.UpTo]; b.Count > 0 {
			l.Buckets = append(l.Buckets, b)
			l.Count += b.Count
		}
	}
	return l
}

// reactorAnswer is how one reactor stands beside the others.
type reactorAnswer struct {
	Reactor     int    `json:"reactor"`
	Connections uint64 `json:"connections"`
	// Busy is the part of the time between the last two samples in which it worked.
	Busy        float64 `json:"busy_percent"`
	LongestTurn float64 `json:"longest_turn_ms"`
	Delivered   uint64  `json:"delivered"`
	Queued      uint64  `json:"queued_bytes"`
	Waiting     uint64  `json:"waiting_bytes"`
	Blocked     uint64  `json:"blocked"`
	Inboxes     uint64  `json:"inboxes"`
}

// reactorBoard compares two looks at the reactors. Any goroutine may use it: mu guards all of it.
type reactorBoard struct {
	mu           sync.Mutex
	before, last []fanout.ReactorStats
}

// look takes the place of the last one.
func (b *reactorBoard) look(now []fanout.ReactorStats) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.before, b.last = b.last, now
}

// answers has each reactor.
func (b *reactorBoard) answers() []reactorAnswer {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []reactorAnswer
	for i, r := range b.last {
		busy, up := r.Busy, r.Up
		if i < len(b.before) {
			busy, up = busy-b.before[i].Busy, up-b.before[i].Up
		}
		share := 100 * busy.Seconds() / max(up.Seconds(), 0.001)
		all = append(all, reactorAnswer{
			Reactor: i, Connections: r.Connections, Busy: math.Round(min(share, 100)), LongestTurn: inMs(r.LongestTurn),
			Delivered: r.Delivered, Queued: r.QueuedBytes, Waiting: r.Waiting, Blocked: r.Blocked, Inboxes: r.Inboxes,
		})
	}
	return all
}

// slowClient is one that does not keep up, or was closed because it did not. Only the former has an ID, by which it can be disconnected.
type slowClient struct {
	ID      uint64 `json:"id,omitempty"`
	User    string `json:"user"`
	Address string `json:"address"`
	Queue   int    `json:"queued_bytes"`
	// Blocked is how long its socket has been full.
	Blocked float64 `json:"blocked_ms"`
	Cause   string  `json:"cause"`
	State   string  `json:"state"`
}

// slowBoard knows the clients that don't keep up. It looks again after a while only, and not at all while every socket has room. Any goroutine may use
// it: mu guards all of it.
type slowBoard struct {
	mu     sync.Mutex
	looked time.Time
	open   []slowClient
}

// list has those that are connected, with the longest queue first, and then those that were closed, the latest first.
func (b *slowBoard) list(blocked uint64, hub *fanout.Hub) []slowClient {
	b.mu.Lock()
	defer b.mu.Unlock()
	if blocked == 0 {
		b.open, b.looked = nil, time.Time{}
	} else if time.Since(b.looked) > slowAge {
		b.open, b.looked = openSlow(hub), time.Now()
	}
	all := append([]slowClient(nil), b.open...)
	closed := hub.ClosedSlow()
	for _, s := range closed[:min(len(closed), shownSlow)] {
		all = append(all, slowClient{
			User: s.User, Address: s.Address, Queue: s.Why.Queued, Blocked: inMs(s.Why.Blocked), Cause: s.Why.Cause.String(),
			State: "closed " + time.Since(s.Why.At).Truncate(time.Second).String() + " ago",
		})
	}
	return all
}

func openSlow(hub *fanout.Hub) []slowClient {
	page, _, err := hub.Connections(fanout.ConnectionQuery{Limit: shownSlow})
	if err != nil {
		return nil
	}
	var open []slowClient
	for _, c := range page {
		if c.Queue.Blocked == 0 {
			continue
		}
		s := slowClient{ID: c.ID, User: c.User, Address: c.Address, Queue: c.Queue.Bytes, Blocked: inMs(c.Queue.Blocked), State: "connected"}
		if c.Slow != nil {
			s.Cause = c.Slow.Cause.String()
		}
		open = append(open, s)
	}
	return open
}
