package redis

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
)

// counter is a sink that counts.
type counter struct {
	up        chan struct{}
	delivered atomic.Int64
	target    atomic.Int64
	reached   chan struct{}
}

func (c *counter) Deliver(broker.Delivery) {
	if c.delivered.Add(1) == c.target.Load() {
		c.reached <- struct{}{}
	}
}

func (c *counter) Up() { c.up <- struct{}{} }

func (*counter) Down(error) {}

func (*counter) Lost(string) {}

func benchmarked(b *testing.B, keys ...broker.Key) (*Engine, *counter) {
	b.Helper()
	e, err := New(Config{URL: engines.Redis(b, engines.RedisOptions{}).URL})
	c := &counter{up: make(chan struct{}, 1), reached: make(chan struct{}, 1)}
	if err == nil {
		err = e.Start(c)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = e.Close() })
	<-c.up
	if err = e.Subscribe(context.Background(), keys...); err != nil {
		b.Fatal(err)
	}
	return e, c
}

func BenchmarkPublishAndDeliver(b *testing.B) {
	for _, size := range []int{1, 64} {
		b.Run(fmt.Sprintf("batch=%d/bytes=200", size), func(b *testing.B) {
			key := broker.Key{Type: "price"}
			e, c := benchmarked(b, key)
			c.target.Store(int64(b.N * size))
			batch := make([]broker.Message, size)
			for i := range batch {
				batch[i] = broker.Message{Key: key, Data: message(strings.Repeat("x", 156))}
			}
			b.ReportAllocs()
			for range b.N {
				if err := e.Publish(context.Background(), batch); err != nil {
					b.Fatal(err)
				}
			}
			<-c.reached
			b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 64} {
		for _, key := range []string{"", "key"} {
			b.Run(fmt.Sprintf("batch=%d/bytes=200/key=%v", size, key != ""), func(b *testing.B) {
				e, _ := benchmarked(b)
				data, batch := message(strings.Repeat("x", 156)), make([]*broker.Append, size)
				b.ReportAllocs()
				for round := range b.N {
					for i := range batch {
						batch[i] = &broker.Append{Policy: keepAll, Type: "price", Data: data}
						if key != "" {
							batch[i].Key = fmt.Sprint(round*size + i)
						}
					}
					e.Append(context.Background(), batch)
					if batch[0].Err != nil {
						b.Fatal(batch[0].Err)
					}
				}
				b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}

func BenchmarkPage(b *testing.B) {
	for _, size := range []int{64, 1000} {
		b.Run(fmt.Sprintf("events=%d/bytes=200", size), func(b *testing.B) {
			e, _ := benchmarked(b)
			add(b, e, "price", strings.Split(strings.Repeat(strings.Repeat("x", 156)+" ", 1000), " ")[:1000]...)
			b.ReportAllocs()
			for range b.N {
				if page := read(b, e, broker.Query{Type: "price", Events: size}); len(page.Entries) != size {
					b.Fatalf("got %d events, want %d", len(page.Entries), size)
				}
			}
		})
	}
}
