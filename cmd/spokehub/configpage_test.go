package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var updatePage = flag.Bool("update", false, "write the table of keys to docs/configuration.md instead of comparing it")

// keyTable is the table of all keys, as the tags of the flags have them.
func keyTable(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	group := ""
	for _, setting := range settingFlags(t) {
		if !isSetting(setting) {
			continue
		}
		if setting.Group != nil && setting.Group.Key != group {
			group = setting.Group.Key
			fmt.Fprintf(&text, "\n### %s\n\n| key | default | reloaded | what it does |\n|---|---|---|---|\n", strings.TrimSuffix(setting.Group.Title, ":"))
		}
		reloaded := ""
		if setting.Tag.Has("reload") {
			reloaded = "yes"
		}
		help := strings.NewReplacer("|", "\\|", "<", "&lt;").Replace(setting.Help)
		fmt.Fprintf(&text, "| `%s` | `%s` | %s | %s |\n", setting.Name, defaultInYAML(setting), reloaded, help)
	}
	return text.String() + "\n"
}

func TestConfigurationPageHasEveryKey(t *testing.T) {
	const begin, end = "<!-- keys -->\n", "<!-- end of keys -->\n"
	name := filepath.Join("..", "..", "docs", "configuration.md")
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(page), begin)
	_, tail, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		t.Fatalf("got a page without %q and %q, want the table of keys between them", begin, end)
	}
	want := head + begin + keyTable(t) + end + tail
	if *updatePage {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(page) != want {
		t.Error("got another table of keys in docs/configuration.md, want that of the flags: go test ./cmd/spokehub -run ConfigurationPage -update")
	}
}

// TestExampleOfThePageIsRight checks the file that the page shows.
func TestExampleOfThePageIsRight(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, found := strings.Cut(rest, "```\n")
	if !found {
		t.Fatal("got no example in the page, want one")
	}
	if s, err := parsedWith(t, example); err != nil || len(s.flags.TopicRules) != 2 || len(s.flags.Listen) != 2 {
		t.Errorf("got %v, want two rules and two addresses", err)
	}
}
