package rules

import (
	"regexp"
	"strings"
	"testing"
)

const embedExample = "fanout/example_embed_test.go"

func TestReadmeQuotesTheExampleThatIsCompiled(t *testing.T) {
	want := strings.NewReplacer("package fanout_test", "package main", "func Example_embed()", "func main()").Replace(readFile(t, embedExample))
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readFile(t, "README.md"), -1)
	if len(blocks) == 0 || blocks[0][1] != want {
		t.Errorf("got in README.md the Go blocks %q, want the first to be %q as in %s", blocks, want, embedExample)
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
