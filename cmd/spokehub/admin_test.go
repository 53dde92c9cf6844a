package main

import (
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/spokehub/spokehub/fanout"
)

func TestAdminAddressAnswers(t *testing.T) {
	hub := startHub(t, nil)
	for name, c := range map[string]struct {
		path   string
		status int
		says   string
	}{
		"an index":                      {"", http.StatusOK, "debug/pprof/"},
		"profiles":                      {"debug/pprof/", http.StatusOK, "goroutine"},
		"a profile":                     {"debug/pprof/heap?debug=1", http.StatusOK, "heap profile"},
		"metrics":                       {"metrics", http.StatusOK, "spokehub_connections 0"},
		"alive":                         {"healthz", http.StatusOK, "alive"},
		"405 to a publish without POST": {"publish", http.StatusMethodNotAllowed, ""},
		"404 to anything else":          {"ws", http.StatusNotFound, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if status, _, body := get(t, hub.admin+c.path); status != c.status || !strings.Contains(body, c.says) {
				t.Errorf("got %d %.200q, want %d and %q in it", status, body, c.status, c.says)
			}
		})
	}
}

func TestAdminAddressRejectsOtherMethods(t *testing.T) {
	hub := startHub(t, nil)
	for _, path := range []string{"", "metrics", "healthz", "readyz"} {
		if status, body := post(t, hub.admin+path, "text/plain", ""); status != http.StatusMethodNotAllowed {
			t.Errorf("got %d %q for POST /%s, want 405", status, body, path)
		}
	}
}

func TestPageOfAnotherSiteCannotPublish(t *testing.T) {
	hub := startHub(t, nil)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, hub.admin+"publish", strings.NewReader(`{"type":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", "https://elsewhere.example")
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	if status, _, body := fetch(t, request); status != http.StatusForbidden {
		t.Errorf("got %d %q, want 403", status, body)
	}
}

func TestEmptyAdminAddressTurnsItOff(t *testing.T) {
	t.Parallel()
	for name, argument := range map[string]string{"in the flag": "--admin=", "in the file": "--config=" + writeConfig(t, "admin: ''\n")} {
		t.Run(name, func(t *testing.T) {
			hub := startHubOn(t, []string{"SPOKEHUB_ADMIN="}, "--listen=127.0.0.1:0", argument)
			if hub.admin != "" {
				t.Errorf("got the admin address %s, want none", hub.admin)
			}
			if status, _, _ := get(t, hub.page+"healthz"); status != http.StatusOK {
				t.Errorf("got %d, want 200", status)
			}
			hub.terminate(t)
		})
	}
}

func metricNames() map[string]bool {
	names := map[string]bool{"spokehub_slow_total": true, "spokehub_dropped_total": true, "spokehub_closes_total": true, "spokehub_refusals_total": true, "spokehub_build_info": true,
		"spokehub_config_reloads_total": true, "spokehub_config_last_reload_successful": true}
	for _, metric := range hubMetrics {
		names[nameOf(metric.desc)] = true
	}
	for _, latency := range latencyDescs {
		names[nameOf(latency.desc)], names[nameOf(latency.desc)+"_bucket"] = true, true
	}
	for _, metric := range reactorMetrics {
		names[nameOf(metric.desc)] = true
	}
	for _, metric := range kindMetrics {
		names[nameOf(metric.desc)] = true
	}
	return names
}

var fqName = regexp.MustCompile(`fqName: "([^"]+)"`)

// nameOf is the name of a metric.
func nameOf(desc *prometheus.Desc) string { return fqName.FindStringSubmatch(desc.String())[1] }

func TestMetricsCoverTheHubAndTheRuntime(t *testing.T) {
	hub := startHub(t, nil)
	subscriber := connect(t, hub.websocket)
	subscriber.subscribe(t, "news", "price")
	post(t, hub.admin+"publish", "", `{"type":"news"}`)
	subscriber.receive(t)
	subscriber.conn.Close(1000, "")
	get(t, hub.page+"ws")
	_, _, body := get(t, hub.admin+"metrics")
	for name := range metricNames() {
		if !strings.Contains(body, "\n"+name) {
			t.Errorf("got no %s in /metrics, want it", name)
		}
	}
	for _, line := range []string{
		"spokehub_accepted_total 2",
		"spokehub_events_dispatched_total 1",
		"spokehub_deliveries_total 1",
		"spokehub_delivered_total 1",
		"spokehub_queued 0",
		`spokehub_dropped_total{reason="backpressure"} 0`,
		`spokehub_dropped_total{reason="closed"} 0`,
		`spokehub_dropped_total{reason="budget"} 0`,
		`spokehub_closes_total{code="1000"} 1`,
		"go_goroutines ",
		"go_cpu_classes_gc_total_cpu_seconds_total ",
		"process_open_fds ",
		"process_resident_memory_bytes ",
	} {
		if !strings.Contains(body, "\n"+line) {
			t.Errorf("got no line %q in /metrics, want it:\n%s", line, hubLines(body))
		}
	}
}

// TestEveryCounterOfTheHubIsAMetric sets each counter by itself and wants a metric that shows it. Refused handshakes are counted by status, and the
// other two are always 0 in spokehub serve, or soon again.
func TestEveryCounterOfTheHubIsAMetric(t *testing.T) {
	unshown := map[string]bool{"HandshakesRefused": true, "EventsInvalid": true, "CallbacksPending": true,
		"Dispatch.Count": true, "Handshake.Count": true, "Callback.Count": true, "Resume.Count": true}
	var check func(prefix string, all reflect.Value, stats *fanout.Stats)
	check = func(prefix string, all reflect.Value, stats *fanout.Stats) {
		for _, field := range reflect.VisibleFields(all.Type()) {
			value := all.FieldByIndex(field.Index)
			switch {
			case value.Kind() == reflect.Struct:
				check(field.Name+".", value, stats)
			case value.Kind() != reflect.Uint64 || unshown[prefix+field.Name]:
			default:
				value.SetUint(7)
				if !slices.ContainsFunc(hubMetrics, func(m hubMetric) bool { return m.value(*stats) == 7 }) {
					t.Errorf("got no metric of Stats.%s%s, want one", prefix, field.Name)
				}
				value.SetUint(0)
			}
		}
	}
	var stats fanout.Stats
	check("", reflect.ValueOf(&stats).Elem(), &stats)
}

func hubLines(metrics string) string {
	return strings.Join(regexp.MustCompile(`(?m)^spokehub.*$`).FindAllString(metrics, -1), "\n")
}

func TestAdminOnLoopbackAnswersOnlyToLocalNames(t *testing.T) {
	hub := startHub(t, nil)
	for host, want := range map[string]int{
		"":                  http.StatusOK,
		"localhost":         http.StatusOK,
		"hub.localhost:1":   http.StatusOK,
		"[::1]:8081":        http.StatusOK,
		"evil.example:8081": http.StatusMisdirectedRequest,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, hub.admin+"metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		if status, _, body := fetch(t, request); status != want {
			t.Errorf("host %q: got %d %.100s, want %d", host, status, body, want)
		}
	}
}

func TestCapacityLeavesDescriptorsToTheProcess(t *testing.T) {
	for name, c := range map[string]struct {
		asked int
		files uint64
		want  uint64
	}{
		"what the file limit leaves":  {0, 20000, 20000 - reservedFiles},
		"half of a low limit":         {0, 64, 32},
		"what the flag says":          {100, 20000, 100},
		"no more than the file limit": {50000, 20000, 20000 - reservedFiles},
		"what neither tells":          {0, 0, 0},
	} {
		if got := capacity(serveFlags{MaxConnections: c.asked}, c.files); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}
