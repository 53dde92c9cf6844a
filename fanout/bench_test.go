//go:build linux

package fanout_test

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// inFlight bounds the events on their way, so that no queue overflows.
const inFlight = 32

// audience connects spokes that subscribe to t and discard what they get, and returns a count of the bytes that they got.
func audience(b *testing.B, hub *fanout.Hub, spokes int) *tally {
	got := newTally()
	for range spokes {
		c := addTo(b, hub).subscribe("t")
		_ = c.conn.SetDeadline(time.Time{})
		go func() { _, _ = io.Copy(got, c.conn) }()
	}
	return got
}

// tally is a count that can be waited for.
type tally struct {
	bytes atomic.Int64
	grown chan struct{}
}

func newTally() *tally { return &tally{grown: make(chan struct{}, 1)} }

func (c *tally) add(n int) {
	c.bytes.Add(int64(n))
	select {
	case c.grown <- struct{}{}:
	default:
	}
}

func (c *tally) await(n int64) {
	for c.bytes.Load() < n {
		<-c.grown
	}
}

// Write counts.
func (c *tally) Write(p []byte) (int, error) {
	c.add(len(p))
	return len(p), nil
}

// pump calls send b.N times with at most inFlight of the events under way, and waits for the last to arrive.
func pump(b *testing.B, got *tally, spokes, size int, send func()) {
	b.ReportAllocs()
	b.ResetTimer()
	each := int64(spokes * size)
	for i := range b.N {
		got.await(int64(i-inFlight) * each)
		send()
	}
	got.await(int64(b.N) * each)
	b.ReportMetric(float64(b.N)*float64(spokes)/b.Elapsed().Seconds(), "deliveries/s")
}

var tickEvent = event.Event{Type: "t", ID: "1", Payload: []byte(`{"price":1.0842,"at":1700000000}`)}

func tickSize() int { return len(envelope("t", "1", string(tickEvent.Payload))) + 2 }

func BenchmarkDispatch(b *testing.B) {
	for _, spokes := range []int{1, 1000, 8000} {
		b.Run(fmt.Sprintf("subs=%d", spokes), func(b *testing.B) {
			if 2*spokes+100 > openFiles() {
				b.Skipf("%d descriptors are too few", openFiles())
			}
			hub := bare(b, fanout.Config{})
			got := audience(b, hub, spokes)
			pump(b, got, spokes, tickSize(), func() { hub.DispatchEvent(tickEvent) })
		})
	}
}

// BenchmarkRelay relays without identities, and with those that may publish the event: as one of few patterns, as one of many, and as the
// user's own topic.
func BenchmarkRelay(b *testing.B) {
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "exact:%d prefix%d:* ", i, i)
	}
	for _, c := range []struct{ name, user, publish string }{
		{"none", "", ""}, {"exact", "ada", "inbox:$user t:1"}, {"prefix", "ada", "inbox:$user t:*"}, {"user", "1", "inbox:$user t:$user"}, {"many", "1", many.String() + "t:$user"},
	} {
		for _, spokes := range []int{1, 100} {
			b.Run(fmt.Sprintf("permissions=%s/subs=%d", c.name, spokes), func(b *testing.B) {
				hub := bare(b, fanout.Config{Relay: true})
				got := audience(b, hub, spokes)
				sender := addTo(b, hub)
				_ = sender.conn.SetDeadline(time.Time{})
				if c.publish != "" {
					sender.sync()
					for s := range hub.Spokes() {
						fanout.Become(s, may(b, c.user, "t", c.publish))
					}
				}
				sent := clientFrame(fin|opText, envelope("t", "1", string(tickEvent.Payload)))
				pump(b, got, spokes, tickSize(), func() { sender.write(sent) })
			})
		}
	}
}

func BenchmarkEventToListener(b *testing.B) {
	hub := bare(b, fanout.Config{})
	got := newTally()
	if _, err := hub.AddEventListener("t", func(*fanout.Spoke, event.Event) { got.add(1) }); err != nil {
		b.Fatal(err)
	}
	sender := addTo(b, hub)
	_ = sender.conn.SetDeadline(time.Time{})
	sent := clientFrame(fin|opText, envelope("t", "1", string(tickEvent.Payload)))
	pump(b, got, 1, 1, func() { sender.write(sent) })
}

// BenchmarkSubscribe subscribes and unsubscribes, a batch in each write, spoke by spoke: without identities, and with those that may.
func BenchmarkSubscribe(b *testing.B) {
	const spokes, batch = 2000, 32
	for _, c := range []struct{ name, subscribe string }{{"none", ""}, {"exact", "inbox:$user t room:1"}, {"prefix", "inbox:$user t room:*"}} {
		b.Run("permissions="+c.name, func(b *testing.B) {
			if 2*spokes+100 > openFiles() {
				b.Skipf("%d descriptors are too few", openFiles())
			}
			hub := bare(b, fanout.Config{})
			got := newTally()
			var clients []*client
			for range spokes {
				sender := addTo(b, hub)
				sender.sync()
				_ = sender.conn.SetDeadline(time.Time{})
				go func() { _, _ = io.Copy(got, sender.conn) }()
				clients = append(clients, sender)
			}
			if c.subscribe != "" {
				for s := range hub.Spokes() {
					fanout.Become(s, may(b, fmt.Sprint("user", s.ID()), c.subscribe, "t"))
				}
			}
			var sent []byte
			for i := range batch {
				kind, id := "__subscribe", ""
				if i%2 == 1 {
					kind = "__unsubscribe"
				}
				if i == batch-1 {
					id = "1"
				}
				sent = append(sent, clientFrame(fin|opText, envelope(kind, id, `{"topic":"room:1"}`))...)
			}
			ack := int64(len(`{"type":"__ack","id":"1","payload":{"topic":"room:1"}}`) + 2)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				got.await(int64(i-8) * ack)
				clients[i%spokes].write(sent)
			}
			got.await(int64(b.N) * ack)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/topic")
		})
	}
}
