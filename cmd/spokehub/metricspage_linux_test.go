package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/spokehub/spokehub/internal/engines"
)

// TestMetricsPageHasEveryMetric holds docs/metrics.md against /metrics of a hub that stands alone, with TLS and history, and of one with a
// broker: names, types, labels and help.
func TestMetricsPageHasEveryMetric(t *testing.T) {
	const begin, end = "<!-- metrics -->\n", "<!-- end of metrics -->\n"
	name := filepath.Join("..", "..", "docs", "metrics.md")
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(page), begin)
	_, tail, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		t.Fatalf("got a page without %q and %q, want the table of metrics between them", begin, end)
	}
	families := map[string]*dto.MetricFamily{}
	alone := startSecureHub(t, "--history=price=100")
	maps.Copy(families, familiesOf(t, alone.process))
	server := engines.NATS(t, engines.NATSOptions{})
	maps.Copy(families, familiesOf(t, startHub(t, nil, "--broker="+server.URL, "--node=a")))
	want := head + begin + metricTable(families) + end + tail
	if *updatePage {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(page) == want {
		return
	}
	got := map[string]bool{}
	for _, row := range strings.Split(rest, "\n") {
		got[row] = true
	}
	for _, row := range strings.Split(metricTable(families), "\n") {
		if !got[row] {
			t.Errorf("got no row %q in docs/metrics.md", row)
		}
	}
	t.Error("got another table in docs/metrics.md, want that of /metrics: go test ./cmd/spokehub -run MetricsPage -update")
}

// familiesOf are the metrics of a hub, but for those of the process and of the Go runtime, which depend on both.
func familiesOf(t *testing.T, hub *process) map[string]*dto.MetricFamily {
	t.Helper()
	_, _, body := get(t, hub.admin+"metrics")
	families := map[string]*dto.MetricFamily{}
	for decoder := expfmt.NewDecoder(strings.NewReader(body), expfmt.NewFormat(expfmt.TypeTextPlain)); ; {
		family := new(dto.MetricFamily)
		if decoder.Decode(family) != nil {
			break
		}
		if !strings.HasPrefix(family.GetName(), "go_") && !strings.HasPrefix(family.GetName(), "process_") {
			families[family.GetName()] = family
		}
	}
	if len(families) < len(hubMetrics)/2 {
		t.Fatalf("got %d metrics, want all of a hub", len(families))
	}
	return families
}

// metricTable is a row for each metric.
func metricTable(families map[string]*dto.MetricFamily) string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | unit | meaning |\n|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(families)) {
		family, labels := families[name], map[string]bool{}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				labels["`"+label.GetName()+"`"] = true
			}
		}
		help := strings.NewReplacer("|", `\|`, "<", `\<`).Replace(family.GetHelp())
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", name, strings.ToLower(family.GetType().String()),
			strings.Join(slices.Sorted(maps.Keys(labels)), ", "), unitOf(name), help)
	}
	return b.String()
}

// unitOf is the unit that the name of a metric ends with.
func unitOf(name string) string {
	name = strings.TrimSuffix(name, "_total")
	for _, unit := range []string{"seconds", "bytes", "days_left"} {
		if strings.HasSuffix(name, "_"+unit) {
			return strings.TrimSuffix(unit, "_left")
		}
	}
	if strings.HasSuffix(name, "_bytes_in") || strings.HasSuffix(name, "_bytes_out") {
		return "bytes"
	}
	return ""
}
