//go:build linux

package load

import (
	"errors"
	"fmt"
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
)

// fanout keeps a number of messages in flight to spokes that share topics: a message counts until all its subscribers have it. With one
// topic it saturates the server, or with a window of 1 shows what a lone message costs; with many topics it shows a fan-out where nothing
// can be coalesced.
type fanout struct {
	spokes, topics, window, bytes int
}

func (f fanout) workload(label string) Workload {
	return workload(label, f.spokes, f.measure, "spokes=%d/topics=%d/window=%d/bytes=%d", f.spokes, f.topics, f.window, f.bytes)
}

func (f fanout) measure(s *setup) {
	s.subscribe(swarm.Plan{Group: groupMain, Count: f.spokes, FirstTopic: firstTopic(f.topics), Topics: f.topics, Size: f.bytes})
	s.writer(groupWriters, 0)
	s.publishWindow(f, 0)
	s.warmUp()
	m := s.overWindow()
	s.result.Add(MetricDeliveries, float64(m.delivered[groupMain])/m.took.Seconds())
	s.result.addCPU(m, m.delivered[groupMain])
	s.result.addLatency("", must(s.fleet.Report(nil))[groupMain].Latency)
	s.finish()
}

// firstTopic is the common topic where there is one alone, else the first room.
func firstTopic(topics int) int { return min(topics-1, 1) }

// publishWindow starts the publisher; from is how many events were published before.
func (s *setup) publishWindow(f fanout, from uint64) {
	s.publish(swarm.Publication{
		Kind: swarm.PublishWindow, Group: groupMain, Writers: groupWriters, FirstTopic: firstTopic(f.topics), Topics: f.topics,
		Spokes: f.spokes, Size: f.bytes, Window: f.window, From: from,
	}, 0)
}

var errStalled = errors.New("no message has reached all its subscribers for three seconds")

// overWindow measures, and fails when the window stands still: then an event is lost, or a subscriber.
func (s *setup) overWindow() measurement {
	shared := s.fleet.Counters()
	before := shared.Completed()
	m := s.over("measuring")
	for since := time.Now(); shared.Completed() == before; time.Sleep(pollEvery) {
		if time.Since(since) > stallTimeout {
			s.finish()
			check(fmt.Errorf("%w; notes: %v", errStalled, s.result.Notes))
		}
	}
	return m
}
