package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/tracing"
)

// traceFlags say whether and where traces go.
type traceFlags struct {
	Traces     string  `group:"log" placeholder:"URL" help:"Where OpenTelemetry traces go, by OTLP over HTTP, such as http://127.0.0.1:4318: of POST /publish, and of checking tokens. The variables OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_CERTIFICATE and OTEL_RESOURCE_ATTRIBUTES hold, too. (default: none)"`
	TraceRatio float64 `group:"log" default:"0.01" placeholder:"RATIO" help:"What part of the traces that begin here is kept, from 0 to 1. A POST /publish that is part of a trace is kept if the rest of that is. (default ${default})"`
}

// otlpPath is where a collector takes traces, unless the URL says.
const otlpPath = "/v1/traces"

// endpoint is the URL with its path.
func (f traceFlags) endpoint() (string, error) {
	u, err := url.Parse(f.Traces)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return "", errors.New("--traces: want the http:// or https:// URL of a collector, such as http://127.0.0.1:4318")
	case u.User != nil:
		return "", errors.New("--traces: a URL with a user and password would be seen by who lists processes: set OTEL_EXPORTER_OTLP_HEADERS")
	case u.Path == "" || u.Path == "/":
		u.Path = otlpPath
	}
	return u.String(), nil
}

func (f traceFlags) check() (mistakes []error) {
	if f.Traces != "" {
		if _, err := f.endpoint(); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	if !(f.TraceRatio >= 0 && f.TraceRatio <= 1) {
		mistakes = append(mistakes, fmt.Errorf("--trace-ratio: %v is not from 0 to 1", f.TraceRatio))
	}
	return mistakes
}

// traces has spans go to a collector. A nil one does nothing. Any goroutine may use it.
type traces struct {
	provider *sdktrace.TracerProvider
	tracer   *tracing.Tracer
}

// newTraces returns nil if traces go nowhere. A collector that can't be reached costs spans, and a line of the log now and then.
func newTraces(f serveFlags, logger *slog.Logger) (*traces, error) {
	if f.Traces == "" {
		return nil, nil
	}
	endpoint, err := f.endpoint()
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint))
	if err != nil {
		return nil, fmt.Errorf("--traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(), resource.WithAttributes(
		attribute.String("service.name", "spokehub"), attribute.String("service.version", buildVersion()), attribute.String("service.instance.id", cmp.Or(f.Node, rand.Text()))), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(&traceErrors{logger: logger, endpoint: endpoint})
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(f.TraceRatio))))
	return &traces{provider: provider, tracer: tracing.New(provider)}, nil
}

// hooks has the hooks of a hub run in spans.
func (t *traces) hooks(config *fanout.Config) {
	if t != nil {
		t.tracer.Hooks(config)
	}
}

// target has what is published through it have spans.
func (t *traces) target(to publishTarget) publishTarget {
	if t == nil {
		return to
	}
	return tracedTarget{publishTarget: to, tracer: t.tracer}
}

// handler has the requests of a handler have spans, as part of the trace that they name.
func (t *traces) handler(name string, next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return otelhttp.NewHandler(next, name, otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(propagation.TraceContext{}))
}

// tracesPatience is how long the last spans may take at the end.
const tracesPatience = 2 * time.Second

// end sends what there is.
func (t *traces) end() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), tracesPatience)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		otel.Handle(err)
	}
}

// tracedTarget is a hub whose publishing has spans.
type tracedTarget struct {
	publishTarget
	tracer *tracing.Tracer
}

func (t tracedTarget) PublishWith(ctx context.Context, e event.Event, options fanout.PublishOptions) (fanout.Receipt, error) {
	return t.tracer.Publish(ctx, t.publishTarget, e, options)
}

// traceErrorPause is how long the log says nothing more of traces that were lost.
const traceErrorPause = time.Minute

// traceErrors logs why traces don't arrive. Any goroutine may use it.
type traceErrors struct {
	logger   *slog.Logger
	endpoint string
	isQuiet  atomic.Bool
}

func (e *traceErrors) Handle(err error) {
	if e.isQuiet.CompareAndSwap(false, true) {
		time.AfterFunc(traceErrorPause, func() { e.isQuiet.Store(false) })
		e.logger.Warn("traces are lost: the collector of --traces does not take them", "url", e.endpoint, "error", err.Error())
	}
}
