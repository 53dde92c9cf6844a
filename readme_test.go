package spokehub_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const embedExample = "fanout/example_embed_test.go"

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestReadmeQuotesTheExampleThatIsCompiled(t *testing.T) {
	want := strings.NewReplacer("package fanout_test", "package main", "func Example_embed()", "func main()").Replace(readFile(t, embedExample))
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readFile(t, "README.md"), -1)
	if len(blocks) != 1 || blocks[0][1] != want {
		t.Errorf("got in README.md the Go blocks %q, want %q as in %s", blocks, want, embedExample)
	}
}

func TestReadmeLinksToWhatIsThere(t *testing.T) {
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(readFile(t, "README.md"), -1)
	if len(links) < 10 {
		t.Errorf("got %d links in README.md, want at least 10", len(links))
	}
	for _, link := range links {
		if strings.Contains(link[1], "://") {
			continue
		}
		if _, err := os.Stat(filepath.FromSlash(link[1])); err != nil {
			t.Errorf("got a link to %s in README.md, want one to what is there: %v", link[1], err)
		}
	}
}

func TestReadmeNamesTheTwoCommands(t *testing.T) {
	readme := readFile(t, "README.md")
	for _, command := range []string{"    go test ./...\n", "    go run ./cmd/spokehub serve\n"} {
		if !strings.Contains(readme, command) {
			t.Errorf("got a README.md without %q, want it", strings.TrimSpace(command))
		}
	}
}
