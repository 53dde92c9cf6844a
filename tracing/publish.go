package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// Publisher is what events are published to: a [fanout.Hub].
type Publisher interface {
	// PublishWith publishes an event, as that of a hub does.
	PublishWith(ctx context.Context, e event.Event, options fanout.PublishOptions) (fanout.Receipt, error)
}

// Publish is Hub.PublishWith in a span, named send and the type of the event, which is a child of that of ctx. It says the id of the event and how long its payload
// is, how many subscribers it had and which place in its stream.
func (t *Tracer) Publish(ctx context.Context, to Publisher, e event.Event, options fanout.PublishOptions) (receipt fanout.Receipt, err error) {
	t.run(ctx, "send "+e.Type, func(ctx context.Context, span trace.Span) error {
		receipt, err = to.PublishWith(ctx, e, options)
		if err == nil && span.IsRecording() {
			span.SetAttributes(attributesOf(receipt)...)
		}
		return err
	}, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("messaging.system", "spokehub"),
		attribute.String("messaging.operation.type", "send"),
		attribute.String("messaging.operation.name", "publish"),
		attribute.String("messaging.destination.name", e.Type),
		attribute.Int("messaging.message.body.size", len(e.Payload)),
		attribute.String("spokehub.event.id", e.ID),
	))
	return receipt, err
}

func attributesOf(r fanout.Receipt) []attribute.KeyValue {
	all := []attribute.KeyValue{attribute.Int("spokehub.matched", r.Matched), attribute.Bool("spokehub.repeated", r.Repeated)}
	if r.Position != (event.Position{}) {
		all = append(all, attribute.String("spokehub.stream.epoch", r.Position.Epoch), attribute.Int64("spokehub.stream.offset", int64(r.Position.Offset)))
	}
	return all
}
