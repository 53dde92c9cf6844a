package fanout_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

const (
	snapshotStreams = 4
	// relayedStream is the one that a client publishes.
	relayedStream = 3
	// streamWindow is how many events of a stream are on their way to the observer at most.
	streamWindow = 16
)

// streams are counters, the state of which snapshots are. Each is changed by one publisher, ahead of the event that tells so.
type streams struct {
	last    [snapshotStreams]atomic.Int64
	credits [snapshotStreams]chan struct{}
	done    chan struct{}
}

// publish sends a stream until it is done, as fast as the observer gets it.
func (s *streams) publish(stream int, send func(payload string)) {
	for {
		select {
		case <-s.done:
			return
		case <-s.credits[stream]:
			send(fmt.Sprintf("[%d,%d]", stream, s.last[stream].Add(1)))
		}
	}
}

// state is that of all streams.
func (s *streams) state() (now [snapshotStreams]int64) {
	for i := range now {
		now[i] = s.last[i].Load()
	}
	return now
}

func TestFiftySpokesMissNothingBehindTheirSnapshots(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		s := streams{done: make(chan struct{})}
		for i := range s.credits {
			s.credits[i] = make(chan struct{}, streamWindow)
			for range streamWindow {
				s.credits[i] <- struct{}{}
			}
		}
		h := newTestHub(t, fanout.Config{Engine: engine, Relay: true, OnSubscribed: func(_ *fanout.Spoke, topic string, send func(event.Event) bool) {
			if topic != "tick" {
				return
			}
			before := s.state()
			until(t, "all streams go on", func() bool {
				for i, now := range s.state() {
					if now < before[i]+streamWindow {
						return false
					}
				}
				return true
			})
			state, _ := json.Marshal(s.state())
			send(event.Event{Type: "snapshot", Payload: state})
		}})
		observer, _ := h.join()
		observer.subscribe("tick:observed", "end")
		publisher, _ := h.join()
		var publishing, observing, reading, subscribed sync.WaitGroup
		observing.Go(func() {
			for {
				stream, _, err := nextTick(observer)
				if err != nil || stream < 0 {
					return
				}
				s.credits[stream] <- struct{}{}
			}
		})
		for i := range relayedStream {
			publishing.Go(func() {
				s.publish(i, func(payload string) {
					h.hub.DispatchEvent(event.Event{Type: "tick", ID: "observed", Payload: []byte(payload)})
				})
			})
		}
		publishing.Go(func() {
			s.publish(relayedStream, func(payload string) {
				_, _ = publisher.conn.Write(clientFrame(fin|opText, envelope("tick", "observed", payload)))
			})
		})
		for range 50 {
			c, _ := h.join()
			subscribed.Add(1)
			reading.Go(func() {
				if err := followStreams(c, &s, subscribed.Done); err != nil {
					t.Error(err)
				}
			})
		}
		subscribed.Wait()
		close(s.done)
		publishing.Wait()
		publisher.sync()
		h.hub.DispatchEvent(event.Event{Type: "end", Payload: []byte("[-1,0]")})
		reading.Wait()
		observing.Wait()
	})
}

// nextTick reads the next event of a stream; it is -1 behind the last.
func nextTick(c *client) (stream int, number int64, err error) {
	f, err := c.next()
	if err != nil {
		return 0, 0, err
	}
	e, err := event.Parse([]byte(f.payload))
	if err != nil {
		return 0, 0, err
	}
	var tick [2]int64
	if err := json.Unmarshal(e.Payload, &tick); err != nil {
		return 0, 0, fmt.Errorf("got %s: %w", f.payload, err)
	}
	return int(tick[0]), tick[1], nil
}

// followStreams subscribes a client, and wants the ack, the snapshot, and behind it every event from the snapshot to the end once.
func followStreams(c *client, s *streams, subscribed func()) error {
	once := sync.OnceFunc(subscribed)
	defer once()
	topics := subscription("1", "end", "tick")
	if _, err := c.conn.Write(clientFrame(fin|opText, topics)); err != nil {
		return err
	}
	ack, err := c.next()
	if err != nil {
		return err
	}
	first, err := c.next()
	if err != nil {
		return err
	}
	e, err := event.Parse([]byte(first.payload))
	if err != nil || e.Type != "snapshot" {
		return fmt.Errorf("got %s and %s first, want an ack and a snapshot", ack.payload, first.payload)
	}
	var known [snapshotStreams]int64
	if err := json.Unmarshal(e.Payload, &known); err != nil {
		return err
	}
	var live [snapshotStreams]int64
	for {
		stream, number, err := nextTick(c)
		if err != nil {
			return err
		}
		once()
		if stream < 0 {
			break
		}
		if live[stream] == 0 && number > known[stream]+1 || live[stream] != 0 && number != live[stream]+1 {
			return fmt.Errorf("stream %d: got number %d behind %d and the snapshot of %d", stream, number, live[stream], known[stream])
		}
		live[stream] = number
	}
	for i, last := range s.state() {
		if max(live[i], known[i]) != last {
			return fmt.Errorf("stream %d: got numbers up to %d, want %d", i, live[i], last)
		}
	}
	return nil
}
