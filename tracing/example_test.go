package tracing_test

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/tracing"
)

// A service has its own provider, which exports to a collector; this one keeps the spans in memory.
func ExampleTracer_Publish() {
	exporter := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithSyncer(exporter), trace.WithSampler(trace.ParentBased(trace.AlwaysSample())))
	tracer := tracing.New(provider)

	config := fanout.Config{}
	tracer.Hooks(&config)
	hub, err := fanout.New(config)
	if err != nil {
		panic(err)
	}
	defer hub.Shutdown(context.Background())

	if _, err := tracer.Publish(context.Background(), hub, event.Event{Type: "price", Payload: []byte("1.08")}, fanout.PublishOptions{}); err != nil {
		panic(err)
	}
	fmt.Println(exporter.GetSpans()[0].Name)
	// Output: send price
}
