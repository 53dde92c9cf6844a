package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// shippedFile is a file of deploy/, with replacements, each of which it has to have a place for.
func shippedFile(t *testing.T, name string, replacements ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "deploy", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for i := 0; i < len(replacements); i += 2 {
		if !strings.Contains(text, replacements[i]) {
			t.Fatalf("got no %q in deploy/%s, want it", replacements[i], name)
		}
		text = strings.ReplaceAll(text, replacements[i], replacements[i+1])
	}
	return text
}

// TestShippedConfigurationsAreRight checks them as an operator would, without a warning.
func TestShippedConfigurationsAreRight(t *testing.T) {
	t.Parallel()
	var manifest struct{ Data map[string]string }
	for document := range strings.SplitSeq(shippedFile(t, "kubernetes/spokehub.yaml"), "\n---\n") {
		if strings.Contains(document, "kind: ConfigMap") {
			if err := yaml.Unmarshal([]byte(document), &manifest); err != nil {
				t.Fatal(err)
			}
		}
	}
	directory := t.TempDir()
	keys, key := filepath.Join(directory, "keys"), filepath.Join(directory, "hub.key")
	line, stderr, code := runBinary(t, nil, "token", "apikey", "--name=backend")
	if code != exitOK {
		t.Fatalf("make a key: %s", stderr)
	}
	hash := regexp.MustCompile(`backend sha256:\w+`).FindString(line + stderr)
	if err := os.WriteFile(keys, []byte(hash+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := runBinary(t, nil, "token", "key", "--out", key); code != exitOK {
		t.Fatalf("make a key: %s", stderr)
	}
	kubernetes := strings.NewReplacer("/etc/spokehub/keys/api-keys", keys, "/etc/spokehub/keys/jwt-key", key+".pub").Replace(manifest.Data["spokehub.conf"])
	for name, text := range map[string]string{"kubernetes": kubernetes, "systemd": shippedFile(t, "systemd/spokehub.conf")} {
		file := filepath.Join(directory, name+".conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		stdout, stderr, code := runBinary(t, nil, "config", "check", file)
		if code != exitOK || !strings.Contains(stdout, "is ok") {
			t.Errorf("%s: got exit code %d, %q and %q, want that it is ok", name, code, stdout, stderr)
		}
		t.Log(stdout)
	}
}

// TestShippedQueriesNameMetricsThatAreThere: every metric of the alerts, their tests, the runbook and the dashboard is one of a hub with TLS, and so are the labels that
// they choose by. A native histogram goes by its name alone.
func TestShippedQueriesNameMetricsThatAreThere(t *testing.T) {
	t.Parallel()
	hub := startSecureHub(t)
	_, _, scraped := get(t, hub.admin+"metrics")
	named := regexp.MustCompile(`\b(?:spokehub|process|go)_[a-z0-9_]+\b`)
	chosen := regexp.MustCompile(`\b(spokehub_\w+)\{[^}]*?\b(kind|reason|result|status|code)=~?"([^"$]+)"`)
	for _, name := range []string{"prometheus/alerts.yaml", "prometheus/alerts_test.yaml", "grafana/dashboard.json", "../docs/runbook.md"} {
		text := strings.ReplaceAll(shippedFile(t, name), `\"`, `"`)
		found := named.FindAllString(text, -1)
		if len(found) < 10 {
			t.Fatalf("%s: got %d metrics, want those of the file", name, len(found))
		}
		for _, metric := range found {
			series := []string{"\n" + metric + " ", "\n" + metric + "{", "\n# TYPE " + metric + " histogram\n"}
			if !slices.ContainsFunc(series, func(s string) bool { return strings.Contains(scraped, s) }) {
				t.Errorf("%s: got the metric %s, want one that a hub has", name, metric)
			}
		}
		for _, choice := range chosen.FindAllStringSubmatch(text, -1) {
			for value := range strings.SplitSeq(choice[3], "|") {
				if series := choice[1] + "{" + choice[2] + `="` + value + `"`; !strings.Contains(scraped, series) {
					t.Errorf("%s: got the series %s, want one that a hub has", name, series)
				}
			}
		}
	}
}
