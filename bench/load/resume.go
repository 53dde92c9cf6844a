//go:build linux

package load

import (
	"bytes"
	"fmt"
	"time"

	"github.com/spokehub/spokehub/bench/server"
	"github.com/spokehub/spokehub/bench/swarm"
	"github.com/spokehub/spokehub/event"
)

const (
	// publishLines is how many events go into one request, finePause the time between two looks for the last event.
	publishLines = 1000
	finePause    = 2 * time.Millisecond
)

// resume has spokes come back all at once and ask for the events that they have missed: how long that takes until the last one has its last
// event, and what it costs.
type resume struct {
	spokes, missed, bytes int
}

func (r resume) workload(label string) Workload {
	w := workload(label, r.spokes, r.measure, "spokes=%d/missed=%d/bytes=%d", r.spokes, r.missed, r.bytes)
	w.streams = true
	return w
}

func (r resume) measure(s *setup) {
	total := 2 * r.missed
	s.publishNow(0, total, r.bytes)
	since := s.position("tick")
	since.Offset -= uint64(r.missed)
	empty := must(s.server.Memory()).RSS
	due := uint64(r.spokes) * uint64(r.missed)
	var took time.Duration
	var peak int64
	profiled := s.startProfile(s.settings.duration())
	m := s.during(func() {
		began := time.Now()
		done := make(chan struct{})
		watched := s.watchMemory(done)
		s.connect(swarm.Plan{
			Group: groupMain, Count: r.spokes, Topics: 1, From: uint32(total - r.missed), Size: r.bytes,
			Subscription: swarm.Subscription{Subscribe: true, Ack: true, Since: since},
		})
		s.awaitDelivered(due)
		took = time.Since(began)
		close(done)
		peak = <-watched
	})
	check(<-profiled)
	s.result.Add(MetricLast, took.Seconds())
	s.result.Add(MetricReplayed, float64(due)/took.Seconds())
	s.result.addCPU(m, uint64(r.spokes))
	s.result.Add(MetricReplayCPU, microseconds(m.server.Whole, due))
	s.result.Add(MetricPeakMemory, float64(peak)/1e6)
	s.result.Add(MetricResumeMemory, float64(peak-empty)/float64(r.spokes))
	s.probe(r.spokes, uint64(total))
	s.finish()
}

// publishNow publishes events to one topic, numbered from 0, and returns once the hub has dispatched them.
func (s *setup) publishNow(topic uint32, events, size int) {
	var lines bytes.Buffer
	for seq := range events {
		lines.Write(swarm.AppendEvent(nil, topic, uint32(seq), size))
		lines.WriteByte('\n')
		if lines.Len() > 0 && (seq+1)%publishLines == 0 || seq+1 == events {
			check(s.server.Publish(lines.Bytes()))
			lines.Reset()
		}
	}
}

// position asks the hub where the stream of a topic is.
func (s *setup) position(topic string) event.Position {
	conn := must(s.server.Dial(0))
	defer conn.Close()
	must(conn.Write(s.server.Request()))
	check(conn.ReadUpgrade())
	must(conn.Write(server.Subscribe(topic)))
	answer := must(conn.ReadText())
	at, found := must(event.ParseAck(answer)).Positions[topic]
	if !found {
		check(fmt.Errorf("got %s for a subscription to %s, want an ack with its position", answer, topic))
	}
	return at.Position
}

// awaitDelivered waits until so many events have come in all, and fails when none comes any more.
func (s *setup) awaitDelivered(due uint64) {
	last, since := uint64(0), time.Now()
	for {
		now := s.fleet.Counters().Delivered(groupMain)
		if now >= due {
			return
		}
		if now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) > stallTimeout {
			s.finish()
			check(fmt.Errorf("%d of %d events have come, and for %v no other has; notes: %v", now, due, stallTimeout, s.result.Notes))
		}
		s.progress.report("resuming, %d of %d events have come", now, due)
		time.Sleep(finePause)
	}
}

// watchMemory reads the server's memory until done is closed. The channel gives the most that it had.
func (s *setup) watchMemory(done <-chan struct{}) <-chan int64 {
	most := make(chan int64, 1)
	go func() {
		ticker := time.NewTicker(pollEvery)
		defer ticker.Stop()
		for peak := int64(0); ; {
			if now, err := s.server.Memory(); err == nil {
				peak = max(peak, now.RSS)
			}
			select {
			case <-ticker.C:
			case <-done:
				most <- peak
				return
			}
		}
	}()
	return most
}
