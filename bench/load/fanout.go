//go:build linux

package load

import (
	"errors"
	"fmt"
	"time"

	"github.com/spokehub/spokehub/bench/swarm"
)

// Fanout keeps a number of messages in flight to spokes that share topics: a message counts until all its subscribers have it. With one
// topic it saturates the server, or with a window of 1 shows what a lone message costs; with many it shows a fan-out where nothing
// can be joined.
type Fanout struct {
	// Spokes of Topics have Window messages of Bytes in flight.
	Spokes, Topics, Window, Bytes int
}

// Name tells the parameters.
func (f Fanout) Name() string {
	return fmt.Sprintf("spokes=%d/topics=%d/window=%d/bytes=%d", f.Spokes, f.Topics, f.Window, f.Bytes)
}

func (f Fanout) connections() int { return f.Spokes }

func (f Fanout) processes() int { return 1 }

func (f Fanout) measure(s *Stand) error {
	spokes := s.fit(f.Spokes)
	if err := s.subscribe(groupMain, spokes, f.firstTopic(), f.Topics, f.Bytes); err != nil {
		return err
	}
	if err := s.writer(groupWriters, 0); err != nil {
		return err
	}
	if err := s.publishWindow(f, spokes, 0); err != nil {
		return err
	}
	if err := s.wait(s.settings.warmup(), "warming up"); err != nil {
		return err
	}
	between, err := s.overWindow(s.settings.duration())
	if err != nil {
		return err
	}
	s.result.Add(MetricDeliveries, float64(between.delivered[groupMain])/between.took.Seconds())
	s.result.addCPU(between, between.delivered[groupMain])
	if err := s.addGroupLatency(groupMain); err != nil {
		return err
	}
	_, err = s.settle()
	return err
}

func (f Fanout) firstTopic() int {
	if f.Topics > 1 {
		return 1
	}
	return 0
}

// publishWindow starts the publisher; from is how many events were published before.
func (s *Stand) publishWindow(f Fanout, spokes int, from uint64) error {
	return s.fleet.Publish(swarm.Publication{
		Kind: swarm.PublishWindow, Group: groupMain, Writers: groupWriters, FirstTopic: f.firstTopic(), Topics: f.Topics,
		Spokes: spokes, Size: f.Bytes, Window: f.Window, From: from,
	}, []int{0})
}

var errStalled = errors.New("no message has reached all its subscribers for three seconds")

// overWindow measures, and fails when the window stands still: then an event is lost, or a subscriber.
func (s *Stand) overWindow(d time.Duration) (span, error) {
	board := s.fleet.Board()
	before := board.Completed()
	between, err := s.over(d, "measuring")
	if err != nil {
		return span{}, err
	}
	for since := time.Now(); board.Completed() == before; time.Sleep(pollEvery) {
		if time.Since(since) > stallTimeout {
			_, err := s.settle()
			return span{}, errors.Join(errStalled, err, s.complaint())
		}
	}
	return between, nil
}

// complaint is what the notes say, as an error.
func (s *Stand) complaint() error {
	return fmt.Errorf("notes: %v", s.result.Notes)
}

// addGroupLatency adds what the subscribers of a group saw since the last mark.
func (s *Stand) addGroupLatency(group int) error {
	reports, err := s.fleet.Report(nil)
	if err != nil {
		return err
	}
	s.result.addLatency(reports[group].Latency, MetricP50, MetricP99, MetricP999, MetricMax)
	return nil
}
