package nats

import (
	"fmt"
	"testing"

	"github.com/spokehub/spokehub/broker"
	"github.com/spokehub/spokehub/internal/engines"
)

// counter is a sink that gives one credit back for each delivery.
type counter struct {
	credits chan struct{}
	up      chan struct{}
}

// Deliver gives a credit back.
func (c counter) Deliver(broker.Delivery) { c.credits <- struct{}{} }

// Up is told once.
func (c counter) Up() { close(c.up) }

// Down has no meaning here.
func (c counter) Down(error) {}

// Lost has no meaning here: a credit that is missing ends the benchmark by its time limit.
func (c counter) Lost(string) {}

func counting(b *testing.B, s *engines.NATSServer) (*Engine, counter) {
	b.Helper()
	e, err := New(Config{URLs: []string{s.URL}})
	if err != nil {
		b.Fatal(err)
	}
	c := counter{credits: make(chan struct{}, 8192), up: make(chan struct{})}
	if err = e.Start(c); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = e.Close() })
	<-c.up
	return e, c
}

func BenchmarkPublishAndDeliver(b *testing.B) {
	for _, size := range []int{128, 1024} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			s := engines.NATS(b, engines.NATSOptions{})
			from, _ := counting(b, s)
			to, c := counting(b, s)
			subscribe(b, to, plain("price", ""))
			messages := []broker.Message{{Key: plain("price", ""), Data: make([]byte, size)}}
			for range cap(c.credits) {
				c.credits <- struct{}{}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				<-c.credits
				if err := from.Publish(b.Context(), messages); err != nil {
					b.Fatal(err)
				}
			}
			for range cap(c.credits) {
				<-c.credits
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, batch := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("events=%d", batch), func(b *testing.B) {
			s := engines.NATS(b, engines.NATSOptions{})
			e, _ := counting(b, s)
			list := make([]*broker.Append, batch)
			for i := range list {
				list[i] = &broker.Append{Policy: kept, Type: "order", ID: "7", Data: make([]byte, 256)}
			}
			appendAll(b, e, list)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				appendAll(b, e, list)
			}
			b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func BenchmarkPage(b *testing.B) {
	for _, events := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("events=%d", events), func(b *testing.B) {
			s := engines.NATS(b, engines.NATSOptions{})
			e, _ := counting(b, s)
			list := make([]*broker.Append, 1024)
			for i := range list {
				list[i] = &broker.Append{Policy: kept, Type: "order", Data: make([]byte, 256)}
			}
			appendAll(b, e, list)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				page, err := e.Read(b.Context(), broker.Query{Policy: kept, Type: "order", After: uint64(i % 512), Events: events})
				if err != nil || len(page.Entries) != events {
					b.Fatalf("got %d events, %v, want %d", len(page.Entries), err, events)
				}
			}
			b.ReportMetric(float64(b.N*events)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
