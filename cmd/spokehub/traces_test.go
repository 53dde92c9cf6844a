package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector takes traces as OTLP says, over HTTP.
type collector struct {
	url   string
	spans chan *tracepb.Span
	// services and instances are what the last ones are of.
	services, instances chan string
}

func newCollector(t *testing.T, path string) *collector {
	t.Helper()
	c := &collector{spans: make(chan *tracepb.Span, 1000), services: make(chan string, 1000), instances: make(chan string, 1000)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+path, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var request coltracepb.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &request); err != nil {
			t.Errorf("got a body that is no export of traces: %v", err)
		}
		for _, resource := range request.ResourceSpans {
			for _, attribute := range resource.Resource.Attributes {
				switch attribute.Key {
				case "service.name":
					c.services <- attribute.Value.GetStringValue()
				case "service.instance.id":
					c.instances <- attribute.Value.GetStringValue()
				}
			}
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					c.spans <- span
				}
			}
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// await returns the next span of a name.
func (c *collector) await(t *testing.T, name string) *tracepb.Span {
	t.Helper()
	for deadline := time.After(patience); ; {
		select {
		case span := <-c.spans:
			if span.Name == name {
				return span
			}
		case <-deadline:
			t.Fatalf("got no span %q, want one", name)
		}
	}
}

// sampledParent is a traceparent of a trace that is kept.
const sampledParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func publishTraced(t *testing.T, admin, traceparent string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, admin+"publish", strings.NewReader(`{"type":"price"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Traceparent", traceparent)
	if status, _, body := fetch(t, request); status != http.StatusOK {
		t.Fatalf("got %d %s", status, body)
	}
}

func TestAPublishIsPartOfTheTraceThatItsRequestNames(t *testing.T) {
	t.Parallel()
	collector := newCollector(t, "/v1/traces")
	hub := startHub(t, []string{"OTEL_BSP_SCHEDULE_DELAY=50"}, "--traces="+collector.url, "--trace-ratio=0")
	publishTraced(t, hub.admin, "00-00000000000000000000000000000001-0000000000000001-00")
	publishTraced(t, hub.admin, sampledParent)
	span := collector.await(t, "send price")
	if got := fmt.Sprintf("%x", span.TraceId); got != sampledParent[3:35] {
		t.Errorf("got the trace %s, want %s, and not the one that its caller does not keep", got, sampledParent[3:35])
	}
	request := collector.await(t, "POST /publish")
	if string(span.ParentSpanId) != string(request.SpanId) || fmt.Sprintf("%x", request.ParentSpanId) != sampledParent[36:52] {
		t.Errorf("got the parents %x and %x, want the request and its caller", span.ParentSpanId, request.ParentSpanId)
	}
	if got := <-collector.services; got != "spokehub" {
		t.Errorf("got the service %q, want spokehub", got)
	}
	if got := <-collector.instances; got == "" {
		t.Error("got an instance without an id, want one that differs between processes")
	}
}

func TestWhatIsLeftOfTracesIsSentAtTheEnd(t *testing.T) {
	t.Parallel()
	collector := newCollector(t, "/elsewhere")
	private, public := makeKey(t, "EdDSA")
	hub := startHub(t, []string{"OTEL_BSP_SCHEDULE_DELAY=3600000"}, "--traces="+collector.url+"/elsewhere", "--trace-ratio=1", "--jwt-key="+public)
	client, _, err := connectWith(t, hub.websocket, http.Header{"Authorization": {"Bearer " + makeToken(t, private)}})
	if err != nil {
		t.Fatal(err)
	}
	client.conn.CloseNow()
	hub.terminate(t)
	collector.await(t, "spokehub handshake")
}

func TestACollectorThatIsAwayCostsTracesAlone(t *testing.T) {
	t.Parallel()
	hub := startHub(t, []string{"OTEL_BSP_SCHEDULE_DELAY=50", "OTEL_EXPORTER_OTLP_TIMEOUT=200"}, "--traces=http://127.0.0.1:1", "--trace-ratio=1")
	publishTraced(t, hub.admin, sampledParent)
	record := hub.output.await(t, "traces are lost: the collector of --traces does not take them")
	if record["url"] != "http://127.0.0.1:1/v1/traces" || !strings.Contains(record["error"].(string), "refused") {
		t.Errorf("got %v, want the URL and why", record)
	}
	hub.signal(t, syscall.SIGTERM)
	if code := hub.exitCode(t); code != exitOK {
		t.Errorf("got exit code %d, want 0", code)
	}
}

func TestFlagsOfTracesThatMakeNoSenseAreReported(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		argument, says string
	}{
		"no URL":       {"--traces=127.0.0.1:4318", "--traces: want the http:// or https:// URL"},
		"no host":      {"--traces=http://", "--traces: want the http:// or https:// URL"},
		"gRPC":         {"--traces=grpc://127.0.0.1:4317", "--traces: want the http:// or https:// URL"},
		"a password":   {"--traces=http://a:secret@127.0.0.1:4318", "OTEL_EXPORTER_OTLP_HEADERS"},
		"above 1":      {"--trace-ratio=1.5", "--trace-ratio: 1.5 is not from 0 to 1"},
		"below 0":      {"--trace-ratio=-1", "--trace-ratio: -1 is not from 0 to 1"},
		"not a number": {"--trace-ratio=NaN", "--trace-ratio: NaN is not from 0 to 1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := runBinary(t, nil, "serve", "--listen=127.0.0.1:0", "--admin=", c.argument)
			if code != exitUsage || !strings.Contains(stderr, c.says) || strings.Contains(stderr, "secret") {
				t.Errorf("got exit code %d and %q, want %d and %q", code, stderr, exitUsage, c.says)
			}
		})
	}
}
