// Package tracing makes OpenTelemetry spans of what a hub does for somebody: of publishing, and of the hooks that decide about clients, topics and events.
// Package fanout does not import it, so who does not want traces has neither their cost nor their libraries.
//
// A span costs microseconds and some allocations, so there is none for each connection and each delivery: these have histograms (fanout.Stats). A trace says
// where one publish has spent its time, which waits for subscribers that read slowly and for the broker.
//
// Names of spans and attributes are those of the semantic conventions for messaging
// (https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/) where these have one; others begin with spokehub.
package tracing

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/spokehub/spokehub/fanout"
)

// scope is the name under which the spans are found.
const scope = "github.com/spokehub/spokehub/tracing"

// errPanicked is what the span of a hook says that has panicked.
var errPanicked = errors.New("panic")

// Tracer makes spans. Any goroutine may call its methods.
type Tracer struct{ tracer trace.Tracer }

// New makes spans with a provider, such as that of go.opentelemetry.io/otel/sdk/trace, whose sampler says which of them are kept.
func New(provider trace.TracerProvider) *Tracer { return &Tracer{tracer: provider.Tracer(scope)} }

// run makes a span while do runs, which ends as what do returns says.
func (t *Tracer) run(ctx context.Context, name string, do func(ctx context.Context, span trace.Span) error, options ...trace.SpanStartOption) {
	ctx, span := t.tracer.Start(ctx, name, options...)
	err := errPanicked
	defer func() {
		if span.IsRecording() {
			note(span, err)
		}
		span.End()
	}()
	err = do(ctx, span)
}

// note says how something ended. A refusal is an answer, and no failure, unless it speaks of the server.
func note(span trace.Span, err error) {
	var refusal *fanout.Refusal
	switch {
	case err == nil:
		return
	case errors.Is(err, fanout.ErrAuthLater):
		span.SetAttributes(attribute.Bool("spokehub.auth_later", true))
		return
	case errors.As(err, &refusal) && refusal.Status < http.StatusInternalServerError:
		span.SetAttributes(attribute.String("spokehub.refused", refusal.Error()))
		return
	}
	span.RecordError(err)
	span.SetStatus(codes.Error, err.Error())
}
