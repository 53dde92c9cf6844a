package brokers

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/internal/engines"
)

// losing is an engine that loses what comes of streams, without a word, while it isDeaf. The hub can't notice meanwhile: it is not told the tops.
type losing struct {
	broker.Broker
	broker.Sink
	isDeaf atomic.Bool
}

// Start starts it.
func (l *losing) Start(s broker.Sink) error {
	l.Sink = s
	return l.Broker.Start(l)
}

// Tops tells them.
func (l *losing) Tops(ctx context.Context, dst []event.Position, types ...string) ([]event.Position, error) {
	if l.isDeaf.Load() {
		return dst, broker.ErrUnavailable
	}
	return l.Broker.Tops(ctx, dst, types...)
}

// Deliver hands on what has come.
func (l *losing) Deliver(d broker.Delivery) {
	if d.Kind != broker.Stream || !l.isDeaf.Load() {
		l.Sink.Deliver(d)
	}
}

// served connects a client to a hub.
func served(t *testing.T, h *fanout.Hub) *client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = h.Serve(l) }()
	return newClient(t, 0, l.Addr().String(), wholeStream)
}

// testHole deletes events from within a stream, of which one hub has none and another one those up to the first. Both get the others.
func testHole(t *testing.T, open func(int) broker.Broker, remove func(typ string, offset int)) {
	const events, from, to = 20, 8, 9
	publisher := newHub(t, "publisher", open(0))
	engine := &losing{Broker: open(1)}
	behind, late := newHub(t, "behind", engine), newHub(t, "late", open(2))
	publish := func(n int) {
		t.Helper()
		raw, _ := json.Marshal(payload{Number: n})
		got, err := publisher.Publish(context.Background(), event.Event{Type: wholeStream, Payload: raw})
		if err != nil || got.Position.Offset != uint64(n) {
			t.Fatalf("got %+v, %v, want offset %d", got, err, n)
		}
	}
	c := served(t, behind)
	publish(1)
	wantsBook(t, c, 1, 1, 0)
	engine.isDeaf.Store(true)
	for n := 2; n <= events; n++ {
		publish(n)
	}
	for offset := from; offset <= to; offset++ {
		remove(wholeStream, offset)
	}
	engine.isDeaf.Store(false)
	publish(events + 1)
	wantsBook(t, c, events+1, events+1-(to-from+1), to-from+1)
	another := served(t, late)
	publish(events + 2)
	wantsBook(t, another, events+2, 1, 0)
}

// wantsBook waits until a client has a stream up to an offset, and wants it to have got so many events of it, and to be told that so many are gone.
func wantsBook(t *testing.T, c *client, last uint64, events int, told int64) {
	t.Helper()
	until(t, fmt.Sprintf("the client has offset %d", last), func() bool { return c.last(wholeStream, 0) == int(last) })
	c.mu.Lock()
	defer c.mu.Unlock()
	if book := c.streams[wholeStream]; len(c.faults) > 0 || len(book.seen) != events || book.told != told || book.unknown > 0 {
		t.Errorf("got %d events, %d told to be gone, %d unknown gaps and the faults %q, want %d, %d and no others", len(book.seen), book.told, book.unknown, c.faults, events, told)
	}
}

func TestPromise13EventsThatWereDeletedFromWithinAStreamOfNATSAreTold(t *testing.T) {
	t.Parallel()
	s := engines.NATS(t, engines.NATSOptions{})
	conn, err := nats.Connect(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := conn.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	testHole(t, onNATS(t, s.URL), func(typ string, offset int) {
		if err := js.DeleteMsg("spokehub_events_"+typ, uint64(offset)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestPromise13EventsThatWereDeletedFromWithinAStreamOfRedisAreTold(t *testing.T) {
	t.Parallel()
	s := engines.Redis(t, engines.RedisOptions{})
	testHole(t, onRedis(t, s.URL), func(typ string, offset int) {
		if got := s.Do("xdel", "spokehub:s:"+typ, fmt.Sprint(offset, "-0")); got != "1" {
			t.Fatalf("got %q of the deletion of offset %d, want 1", got, offset)
		}
	})
}
