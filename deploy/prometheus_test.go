package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// alertFile is what the tests need of prometheus/alerts.yaml.
type alertFile struct {
	Groups []struct {
		Rules []struct {
			Alert       string
			Expr        string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

// alertTests are what they need of prometheus/alerts_test.yaml.
type alertTests struct {
	Tests []struct {
		Name  string
		Rules []struct {
			Alertname string
			Expected  []any `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	}
}

func alertNames(t *testing.T) (names []string) {
	t.Helper()
	for _, group := range decode[alertFile](t, shipped(t, "prometheus/alerts.yaml")).Groups {
		for _, rule := range group.Rules {
			names = append(names, rule.Alert)
		}
	}
	if len(names) < 10 {
		t.Fatalf("got the alerts %v, want those of the file", names)
	}
	return names
}

func TestPrometheusTakesTheAlerts(t *testing.T) {
	promtool := tool(t, "promtool")
	run(t, promtool, "check", "rules", "prometheus/alerts.yaml")
	run(t, promtool, "test", "rules", "prometheus/alerts_test.yaml")
}

// TestEveryAlertIsTestedBothWays: there is a series with which it fires, and one with which it does not.
func TestEveryAlertIsTestedBothWays(t *testing.T) {
	fires, isQuiet := map[string]bool{}, map[string]bool{}
	for _, test := range decode[alertTests](t, shipped(t, "prometheus/alerts_test.yaml")).Tests {
		for _, rule := range test.Rules {
			fires[rule.Alertname] = fires[rule.Alertname] || len(rule.Expected) > 0
			isQuiet[rule.Alertname] = isQuiet[rule.Alertname] || len(rule.Expected) == 0
		}
	}
	for _, name := range alertNames(t) {
		if !fires[name] || !isQuiet[name] {
			t.Errorf("%s: got tests in which it fires: %v, is quiet: %v; want both", name, fires[name], isQuiet[name])
		}
	}
}

// TestRunbookHasEveryAlertAndNoOther: each has its section with a meaning, what to look at and what to do, and names it.
func TestRunbookHasEveryAlertAndNoOther(t *testing.T) {
	page := shipped(t, "../docs/runbook.md")
	var sections []string
	for _, section := range strings.Split(page, "\n## ")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		sections = append(sections, title)
		for _, part := range []string{"**Meaning.** ", "**Look at:**\n\n- ", "**Do.** "} {
			if !strings.Contains(body, part) {
				t.Errorf("%s: got a section without %q, want it", title, part)
			}
		}
	}
	if names := alertNames(t); !slices.Equal(names, sections) {
		t.Errorf("got the sections\n%v\nwant one for each alert, in the same order:\n%v", sections, names)
	}
	for _, group := range decode[alertFile](t, shipped(t, "prometheus/alerts.yaml")).Groups {
		for _, rule := range group.Rules {
			want := "https://github.com/spokehub/spokehub/blob/main/docs/runbook.md#" + strings.ToLower(rule.Alert)
			if got := rule.Annotations["runbook_url"]; got != want {
				t.Errorf("%s: got the runbook %s, want %s", rule.Alert, got, want)
			}
			if severity := rule.Labels["severity"]; severity != "critical" && severity != "warning" {
				t.Errorf("%s: got severity %q, want critical or warning", rule.Alert, severity)
			}
			if rule.Annotations["summary"] == "" {
				t.Errorf("%s: got no summary, want one", rule.Alert)
			}
		}
	}
}

// dashboard is what the tests need of grafana/dashboard.json.
type dashboard struct {
	Templating struct{ List []struct{ Name string } }
	Panels     []struct {
		ID          int
		Type, Title string
		Description string
		GridPos     struct{ X, Y, W, H int } `yaml:"gridPos"`
		Targets     []struct{ Expr string }
	}
}

// TestPrometheusTakesTheQueriesOfTheDashboard: each is one once Grafana's variables have values.
func TestPrometheusTakesTheQueriesOfTheDashboard(t *testing.T) {
	promtool := tool(t, "promtool")
	variables := strings.NewReplacer("$__rate_interval", "1m", "$job", "spokehub", "$instance", ".+")
	var rules []map[string]string
	for _, panel := range decode[dashboard](t, shipped(t, "grafana/dashboard.json")).Panels {
		for _, target := range panel.Targets {
			rules = append(rules, map[string]string{"record": "panel", "expr": variables.Replace(target.Expr)})
		}
	}
	if len(rules) < 30 {
		t.Fatalf("got %d queries, want those of the dashboard", len(rules))
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, promtool, "check", "rules", "--lint=none", file)
}

func TestPanelsOfTheDashboardHaveTheirPlaces(t *testing.T) {
	d := decode[dashboard](t, shipped(t, "grafana/dashboard.json"))
	known := []string{"__rate_interval", "datasource"}
	for _, variable := range d.Templating.List {
		known = append(known, variable.Name)
	}
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, panel := range d.Panels {
		if ids[panel.ID] {
			t.Errorf("%s: got the number %d twice", panel.Title, panel.ID)
		}
		ids[panel.ID] = true
		at := panel.GridPos
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s: got a place that %q has or that is outside, want one of its own", panel.Title, other)
				}
				taken[[2]int{x, y}] = panel.Title
			}
		}
		if panel.Type != "row" && (len(panel.Targets) == 0 || panel.Description == "") {
			t.Errorf("%s: got no query or no description, want both", panel.Title)
		}
		for _, target := range panel.Targets {
			for _, variable := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(target.Expr, -1) {
				if !slices.Contains(known, variable[1]) {
					t.Errorf("%s: got the variable %s, want one of %v", panel.Title, variable[0], known)
				}
			}
		}
	}
}
