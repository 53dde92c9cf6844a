package tracing_test

import (
	"context"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/tracing"
)

// BenchmarkPublish publishes to nobody: without traces, with spans that the sampler does not keep, and with spans that are kept and go nowhere.
func BenchmarkPublish(b *testing.B) {
	hub, err := fanout.New(fanout.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer hub.Shutdown(context.Background())
	e := event.Event{Type: "price", ID: "EURUSD", Payload: []byte(`1.08`)}
	b.Run("traces=none", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := hub.PublishWith(context.Background(), e, fanout.PublishOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, sampler := range map[string]sdktrace.Sampler{"dropped": sdktrace.NeverSample(), "kept": sdktrace.AlwaysSample()} {
		b.Run("traces="+name, func(b *testing.B) {
			tracer := tracing.New(sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tracer.Publish(context.Background(), hub, e, fanout.PublishOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
