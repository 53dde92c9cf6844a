package rules

import (
	"regexp"
	"strings"
	"testing"
)

const (
	embedExample  = "fanout/example_embed_test.go"
	streamExample = "fanout/example_streams_test.go"
)

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

func TestReadmeQuotesTheExampleThatIsCompiled(t *testing.T) {
	want := strings.NewReplacer("package fanout_test", "package main", "func Example_embed()", "func main()").Replace(readFile(t, embedExample))
	blocks := goBlock.FindAllStringSubmatch(readFile(t, "README.md"), -1)
	if len(blocks) == 0 || blocks[0][1] != want {
		t.Errorf("got in README.md the Go blocks %q, want the first to be %q as in %s", blocks, want, embedExample)
	}
}

func TestPageOfStreamsQuotesTheExampleThatIsCompiled(t *testing.T) {
	example := readFile(t, streamExample)
	blocks := goBlock.FindAllStringSubmatch(readFile(t, "docs/streams.md"), -1)
	if len(blocks) != 1 {
		t.Fatalf("got %d Go blocks in docs/streams.md, want one", len(blocks))
	}
	quoted := "\t" + strings.ReplaceAll(strings.TrimSuffix(blocks[0][1], "\n"), "\n", "\n\t") + "\n"
	if !strings.Contains(example, quoted) {
		t.Errorf("got in docs/streams.md %q, want lines of %s", blocks[0][1], streamExample)
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
