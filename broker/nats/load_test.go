package nats

import (
	"fmt"
	"strconv"
	"testing"

	client "github.com/nats-io/nats.go"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
)

func TestManyKeysAreInForceAfterARestart(t *testing.T) {
	s := engines.NATS(t, engines.NATSOptions{})
	e, told := connect(t, s)
	keys := make([]broker.Key, 100_000)
	for i := range keys {
		keys[i] = plain("user", fmt.Sprint(i))
	}
	subscribe(t, e, keys...)
	s.Restart()
	told.awaitNotes(t, 1, "down ", "up", "lost ")
	b, _ := connect(t, s)
	for i := 0; i < len(keys); i += 999 {
		publish(t, b, keys[i], fmt.Sprint(i))
	}
	told.awaitDeliveries(t, 101)
}

func TestOverflowIsToldOnceItIsOver(t *testing.T) {
	for name, c := range map[string]struct {
		settings Config
		size     int
	}{
		"in messages": {Config{Queue: 100}, 10}, "in bytes": {Config{QueueBytes: 100 << 10}, 1 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			s := engines.NATS(t, engines.NATSOptions{})
			c.settings.URLs = []string{s.URL}
			e, told := open(t, c.settings)
			told.awaitNotes(t, 0, "up")
			subscribe(t, e, plain("price", ""))
			told.mu.Lock()
			told.hold = make(chan struct{})
			told.mu.Unlock()
			b, _ := connect(t, s)
			publish(t, b, plain("price", ""), texts(1000, "%0"+strconv.Itoa(c.size)+"d")...)
			for over := false; !over; pause(t.Context(), pageWait) {
				e.queue.mu.Lock()
				over = e.queue.isOverflowing
				has, bytes := len(e.queue.waiting)-e.queue.next+e.queue.given, e.queue.bytes
				e.queue.mu.Unlock()
				if has > 100 || bytes > 100<<10 {
					t.Errorf("got %d messages with %d bytes in the queue, want 100 and 100 KiB at most", has, bytes)
					break
				}
			}
			told.mu.Lock()
			close(told.hold)
			told.hold = nil
			told.mu.Unlock()
			told.awaitNotes(t, 1, "lost the hub did not keep up")
			for delivered := false; !delivered; pause(t.Context(), pageWait) {
				publish(t, b, plain("price", ""), "after")
				told.mu.Lock()
				delivered = string(told.deliveries[len(told.deliveries)-1].Data) == "after"
				told.mu.Unlock()
			}
		})
	}
}

// TestADropOfTheClientLibraryIsSeenByWhatItLeaves has the library find incoming full while the pump is about to take a message.
func TestADropOfTheClientLibraryIsSeenByWhatItLeaves(t *testing.T) {
	q := newQueue(10*incomingRoom, 1<<30)
	for range incomingRoom - 2 {
		q.incoming <- &client.Msg{}
	}
	q.add(<-q.incoming)
	if _, isOver := q.take(nil); isOver {
		t.Fatal("got an overflow of a queue that was never full")
	}
	for len(q.incoming) < incomingRoom {
		q.incoming <- &client.Msg{}
	}
	q.add(<-q.incoming)
	if _, isOver := q.take(nil); !isOver {
		t.Error("got no overflow of a queue that was full, so that the client library may have dropped a message")
	}
}

func TestAQueueGivesOutAllInOrderAndForgetsIt(t *testing.T) {
	q := newQueue(1<<20, 1<<30)
	var batch []*client.Msg
	put, got := 0, 0
	for round := range 200 {
		for range round * 7 % 300 {
			q.add(&client.Msg{Subject: strconv.Itoa(put)})
			put++
		}
		for range round % 4 {
			batch, _ = q.take(batch)
			for _, m := range batch {
				if m.Subject != strconv.Itoa(got) {
					t.Fatalf("got the message %s, want %d", m.Subject, got)
				}
				got++
			}
		}
	}
	for batch, _ = q.take(batch); len(batch) > 0; batch, _ = q.take(batch) {
		got += len(batch)
	}
	if got != put || q.bytes != 0 || q.given != 0 || len(q.waiting) != 0 || cap(q.waiting) > spareRoom {
		t.Errorf("got %d of %d messages, and the queue %+v, want all, and nothing left", got, put, q)
	}
}
