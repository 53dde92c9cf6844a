package fanout_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// burst is a hub with small queues, clients that subscribe to a topic and read all that comes, and the longest message that
// one of its spokes may send.
type burst struct {
	*testHub
	told    chan *fanout.Spoke
	readers []*client
	payload string
	done    sync.WaitGroup
}

// queueOfBurst is the limit of the queues.
const queueOfBurst = 64 << 10

func newBurst(t *testing.T, engine fanout.Engine, readers, message int) *burst {
	b := &burst{told: make(chan *fanout.Spoke, 2*readers), payload: jsonOf(strings.Repeat("x", message-200))}
	b.testHub = newTestHub(t, fanout.Config{Engine: engine, Relay: true, Reactors: 2, QueueLimit: queueOfBurst, MaxMessage: message, SendBuffer: 16 << 10,
		OnBackpressure: func(s *fanout.Spoke, _ fanout.Backpressure) { b.told <- s }})
	for range readers {
		c, _ := b.join()
		b.readers = append(b.readers, c.subscribe("t"))
	}
	return b
}

// read has every reader take events until it has had so many, those of each source in order.
func (b *burst) read(t *testing.T, events int) {
	for i, c := range b.readers {
		b.done.Go(func() {
			last := make(map[string]int)
			for n := range events {
				m, err := c.next()
				if err != nil {
					t.Errorf("reader %d: got %v behind %d of %d events", i, err, n, events)
					return
				}
				source, number := sourceOf(m.payload)
				if number != last[source]+1 {
					t.Errorf("reader %d: got event %d of %s behind number %d", i, number, source, last[source])
					return
				}
				last[source] = number
			}
		})
	}
}

func sourceOf(envelope string) (source string, number int) {
	_, id, _ := strings.Cut(envelope, `"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	source, text, _ := strings.Cut(id, " ")
	number, _ = strconv.Atoi(text)
	return source, number
}

// relay has a client send events as fast as it can.
func (b *burst) relay(t *testing.T, source string, events int) {
	c, _ := b.join()
	b.done.Go(func() {
		for i := range events {
			if _, err := c.conn.Write(clientFrame(fin|opText, envelope("t", fmt.Sprint(source, " ", i+1), b.payload))); err != nil {
				t.Errorf("%s: got %v behind %d events, want all read", source, err, i)
				return
			}
		}
	})
}

// publish does the same by Publish.
func (b *burst) publish(t *testing.T, source string, events int) {
	b.done.Go(func() {
		for i := range events {
			e := event.Event{Type: "t", ID: fmt.Sprint(source, " ", i+1), Payload: []byte(b.payload)}
			if _, err := b.hub.Publish(context.Background(), e); err != nil {
				t.Errorf("%s: got %v, want it published", source, err)
				return
			}
		}
	})
}

func TestABurstEndsNoHealthyReader(t *testing.T) {
	for name, c := range map[string]struct{ relays, publishers, events, stalled int }{
		"of one relay":                   {relays: 1, events: 50},
		"of many relays":                 {relays: 16, events: 4},
		"of many publishers":             {publishers: 16, events: 4},
		"of both beside one that stalls": {relays: 2, publishers: 2, events: 20, stalled: 1},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				b := newBurst(t, engine, 60, queueOfBurst/4)
				var stalled []*client
				for range c.stalled {
					s, _ := b.join()
					stalled = append(stalled, s.subscribe("t"))
				}
				b.read(t, (c.relays+c.publishers)*c.events)
				for i := range c.relays {
					b.relay(t, fmt.Sprint("relay", i), c.events)
				}
				for i := range c.publishers {
					b.publish(t, fmt.Sprint("publisher", i), c.events)
				}
				b.done.Wait()
				expect(t, "spokes closed", b.hub.Stats().Backpressure, uint64(len(stalled)))
				for _, s := range stalled {
					_, code, _ := s.closing()
					expect(t, "code of who stalls", code, 1013)
				}
			})
		})
	}
}

func TestEventsThatAreLongForAQueueWaitForEachOther(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ relays, publishers int }{
		"of a relay":     {relays: 1},
		"of a publisher": {publishers: 1},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine fanout.Engine) {
				const events = 8
				b := newBurst(t, engine, 20, queueOfBurst/8*6)
				b.read(t, (c.relays+c.publishers)*events)
				for i := range c.relays {
					b.relay(t, fmt.Sprint("relay", i), events)
				}
				for i := range c.publishers {
					b.publish(t, fmt.Sprint("publisher", i), events)
				}
				b.done.Wait()
				expect(t, "spokes closed", b.hub.Stats().Backpressure, 0)
			})
		})
	}
}
