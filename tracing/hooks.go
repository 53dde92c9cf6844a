package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
)

// Hooks has OnHandshake, OnAuth, OnSubscribe and OnPublish of cfg run in spans, as far as they are set. Call it once, ahead of fanout.New. The first two get a context
// with their span, of which what they do may be children.
//
// Each span begins a trace: else whoever connects could have all sampled. That of a handshake has a link to the trace which the client says it is part of. Tokens,
// cookies and payloads are in none. What OnSubscribe and OnPublish refuse is the attribute spokehub.refused, as what the others refuse by a fanout.Refusal is: no failure.
func (t *Tracer) Hooks(cfg *fanout.Config) {
	if next := cfg.OnHandshake; next != nil {
		cfg.OnHandshake = func(ctx context.Context, h *fanout.Handshake) (id fanout.Identity, err error) {
			client := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(h.Request.Header))
			t.run(ctx, "spokehub handshake", func(ctx context.Context, span trace.Span) error {
				id, err = next(ctx, h)
				return identified(span, id, err)
			}, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer), trace.WithLinks(trace.LinkFromContext(client)), trace.WithAttributes(
				attribute.String("client.address", h.RemoteAddr.String()), attribute.String("url.path", h.Request.URL.Path)))
			return id, err
		}
	}
	if next := cfg.OnAuth; next != nil {
		cfg.OnAuth = func(ctx context.Context, s *fanout.Spoke, token string) (id fanout.Identity, err error) {
			t.run(ctx, "spokehub auth", func(ctx context.Context, span trace.Span) error {
				id, err = next(ctx, s, token)
				return identified(span, id, err)
			}, ofSpoke(s)...)
			return id, err
		}
	}
	if next := cfg.OnSubscribe; next != nil {
		cfg.OnSubscribe = func(s *fanout.Spoke, topic string) error {
			return t.decide("spokehub subscribe", s, attribute.String("spokehub.topic", topic), func() error { return next(s, topic) })
		}
	}
	if next := cfg.OnPublish; next != nil {
		cfg.OnPublish = func(s *fanout.Spoke, e event.Event) error {
			return t.decide("spokehub publish", s, attribute.String("messaging.destination.name", e.Type), func() error { return next(s, e) })
		}
	}
}

// identified notes who a client is, and passes on what the hook says.
func identified(span trace.Span, id fanout.Identity, err error) error {
	if err == nil && id.User != "" {
		span.SetAttributes(attribute.String("user.id", id.User))
	}
	return err
}

// decide runs a hook without a context, every error of which is a refusal.
func (t *Tracer) decide(name string, s *fanout.Spoke, about attribute.KeyValue, ask func() error) (err error) {
	t.run(context.Background(), name, func(_ context.Context, span trace.Span) error {
		if err = ask(); err != nil {
			span.SetAttributes(attribute.String("spokehub.refused", err.Error()))
		}
		return nil
	}, append(ofSpoke(s), trace.WithAttributes(about))...)
	return err
}

func ofSpoke(s *fanout.Spoke) []trace.SpanStartOption {
	about := []attribute.KeyValue{attribute.Int64("spokehub.connection.id", int64(s.ID()))}
	if user := s.Identity().User; user != "" {
		about = append(about, attribute.String("user.id", user))
	}
	return []trace.SpanStartOption{trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(about...)}
}
