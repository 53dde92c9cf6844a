package tracing_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/fanout/fanouttest"
	"github.com/spokehub/spokehub/stream"
	"github.com/spokehub/spokehub/tracing"
)

const clientTrace = "4bf92f3577b34da6a3ce929d0e0e4736"

// newTracer returns one whose spans are kept.
func newTracer(t *testing.T) (*tracing.Tracer, *tracetest.SpanRecorder, trace.Tracer) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	return tracing.New(provider), spans, provider.Tracer("test")
}

// await waits for the span of a name.
func await(t *testing.T, spans *tracetest.SpanRecorder, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for _, s := range spans.Ended() {
			if s.Name() == name {
				return s
			}
		}
	}
	t.Fatalf("got no span %q, want one", name)
	return nil
}

// wants wants attributes of a span; nil wants it to have none of that name.
func wants(t *testing.T, s sdktrace.ReadOnlySpan, want map[string]any) {
	t.Helper()
	got := map[string]any{}
	for _, a := range s.Attributes() {
		got[string(a.Key)] = a.Value.AsInterface()
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("span %q, attribute %s: got %v, want %v", s.Name(), name, got[name], value)
		}
	}
}

func TestAPublishIsAChildOfItsCallerAndSaysWhatBecameOfIt(t *testing.T) {
	tracer, spans, caller := newTracer(t)
	h := fanouttest.New(t, fanout.Config{Policies: []stream.Policy{{Match: "price", History: stream.History{Events: 10}}}})
	h.Connect().Subscribe("price:EURUSD")
	ctx, parent := caller.Start(context.Background(), "caller")
	receipt, err := tracer.Publish(ctx, h.Hub, event.Event{Type: "price", ID: "EURUSD", Payload: []byte(`1.08`)}, fanout.PublishOptions{IdempotencyKey: "k"})
	if err != nil || receipt.Matched != 1 || receipt.Position.Offset != 1 {
		t.Fatalf("got %+v, %v, want what the hub says", receipt, err)
	}
	s := await(t, spans, "send price")
	if s.Parent().SpanID() != parent.SpanContext().SpanID() || s.SpanKind() != trace.SpanKindProducer || s.Status().Code != codes.Unset {
		t.Errorf("got the parent %v, the kind %v and the status %v, want a child that produces and has not failed", s.Parent(), s.SpanKind(), s.Status())
	}
	wants(t, s, map[string]any{
		"messaging.system": "spokehub", "messaging.destination.name": "price", "messaging.operation.type": "send", "messaging.message.body.size": int64(4),
		"spokehub.event.id": "EURUSD", "spokehub.matched": int64(1), "spokehub.repeated": false,
		"spokehub.stream.epoch": receipt.Position.Epoch, "spokehub.stream.offset": int64(1),
	})
}

func TestAPublishThatFailsIsAFailedSpan(t *testing.T) {
	tracer, spans, _ := newTracer(t)
	h := fanouttest.New(t, fanout.Config{})
	if _, err := tracer.Publish(context.Background(), h.Hub, event.Event{Type: "price"}, fanout.PublishOptions{IdempotencyKey: "k"}); !errors.Is(err, fanout.ErrNoStream) {
		t.Fatalf("got %v, want what the hub says", err)
	}
	s := await(t, spans, "send price")
	if s.Status().Code != codes.Error || len(s.Events()) != 1 {
		t.Errorf("got the status %v and the events %v, want the error", s.Status(), s.Events())
	}
}

// handshake is one of a client that says it is part of a trace.
func handshake() *fanout.Handshake {
	r, err := http.NewRequest(http.MethodGet, "/ws?access_token=secret", nil)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Traceparent", "00-"+clientTrace+"-00f067aa0ba902b7-01")
	return &fanout.Handshake{Request: r, RemoteAddr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 7}}
}

func TestAHandshakeBeginsATraceWithALinkToThatOfTheClient(t *testing.T) {
	tracer, spans, _ := newTracer(t)
	cfg := fanout.Config{OnHandshake: func(ctx context.Context, _ *fanout.Handshake) (fanout.Identity, error) {
		if !trace.SpanContextFromContext(ctx).IsValid() {
			t.Error("got a context without a span, want the one of the handshake")
		}
		return fanout.Identity{User: "ada"}, nil
	}}
	tracer.Hooks(&cfg)
	if id, err := cfg.OnHandshake(context.Background(), handshake()); err != nil || id.User != "ada" {
		t.Fatalf("got %+v, %v, want what the hook says", id, err)
	}
	s := await(t, spans, "spokehub handshake")
	if s.Parent().IsValid() || s.SpanContext().TraceID().String() == clientTrace || len(s.Links()) != 1 || s.Links()[0].SpanContext.TraceID().String() != clientTrace {
		t.Errorf("got the parent %v, the trace %v and the links %v, want a trace of its own with a link to the client's", s.Parent(), s.SpanContext().TraceID(), s.Links())
	}
	wants(t, s, map[string]any{"user.id": "ada", "client.address": "192.0.2.1:7", "url.path": "/ws"})
}

// TestHowHooksEndIsInTheirSpans tells answers from failures.
func TestHowHooksEndIsInTheirSpans(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status codes.Code
		want   map[string]any
	}{
		"an identity that is to come": {fanout.ErrAuthLater, codes.Unset, map[string]any{"spokehub.auth_later": true}},
		"a refusal":                   {&fanout.Refusal{Status: 401, Reason: "the token has expired"}, codes.Unset, map[string]any{"spokehub.refused": (&fanout.Refusal{Status: 401, Reason: "the token has expired"}).Error()}},
		"a code":                      {&fanout.Refusal{Code: fanout.CodeForbidden, Reason: "no"}, codes.Unset, nil},
		"a failure of the server":     {&fanout.Refusal{Status: 503, Reason: "no keys"}, codes.Error, map[string]any{"spokehub.refused": nil}},
		"an error":                    {errors.New("the database is away"), codes.Error, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, spans, _ := newTracer(t)
			cfg := fanout.Config{OnHandshake: func(context.Context, *fanout.Handshake) (fanout.Identity, error) { return fanout.Identity{}, c.err }}
			tracer.Hooks(&cfg)
			if _, err := cfg.OnHandshake(context.Background(), handshake()); !errors.Is(err, c.err) {
				t.Errorf("got %v, want %v", err, c.err)
			}
			s := await(t, spans, "spokehub handshake")
			if s.Status().Code != c.status {
				t.Errorf("got the status %v, want %v", s.Status(), c.status)
			}
			wants(t, s, c.want)
		})
	}
}

func TestAHookThatPanicsIsAFailedSpanAndGoesOnPanicking(t *testing.T) {
	tracer, spans, _ := newTracer(t)
	cfg := fanout.Config{OnHandshake: func(context.Context, *fanout.Handshake) (fanout.Identity, error) { panic("a fault") }}
	tracer.Hooks(&cfg)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("got no panic, want that of the hook")
			}
		}()
		cfg.OnHandshake(context.Background(), handshake())
	}()
	if s := await(t, spans, "spokehub handshake"); s.Status().Code != codes.Error {
		t.Errorf("got the status %v, want an error", s.Status())
	}
}

func TestTheHooksOfASpokeSayWhoItIsAndWhatItWanted(t *testing.T) {
	tracer, spans, _ := newTracer(t)
	cfg := fanout.Config{
		Relay: true,
		OnAuth: func(context.Context, *fanout.Spoke, string) (fanout.Identity, error) {
			return fanout.Identity{User: "ada"}, nil
		},
		OnSubscribe: func(_ *fanout.Spoke, topic string) error {
			return map[string]error{"secret": errors.New("not yours")}[topic]
		},
		OnPublish: func(*fanout.Spoke, event.Event) error { return nil },
	}
	tracer.Hooks(&cfg)
	h := fanouttest.New(t, cfg)
	c := h.Connect()
	c.Auth("token")
	if rejected := c.TrySubscribe("secret"); rejected["secret"] != event.Forbidden {
		t.Errorf("got %v, want the topic rejected", rejected)
	}
	c.Send(event.Event{Type: "price", Payload: []byte(`"not in a span"`)})
	h.Quiet()
	id := int64(c.Spoke().ID())
	wants(t, await(t, spans, "spokehub auth"), map[string]any{"spokehub.connection.id": id, "user.id": "ada"})
	wants(t, await(t, spans, "spokehub subscribe"), map[string]any{"spokehub.connection.id": id, "user.id": "ada", "spokehub.topic": "secret", "spokehub.refused": "not yours"})
	wants(t, await(t, spans, "spokehub publish"), map[string]any{"spokehub.connection.id": id, "messaging.destination.name": "price", "spokehub.refused": nil})
}

func TestHooksThatAreNotSetStayUnset(t *testing.T) {
	tracer, _, _ := newTracer(t)
	var cfg fanout.Config
	tracer.Hooks(&cfg)
	if cfg.OnHandshake != nil || cfg.OnAuth != nil || cfg.OnSubscribe != nil || cfg.OnPublish != nil {
		t.Error("got hooks, want none")
	}
}
