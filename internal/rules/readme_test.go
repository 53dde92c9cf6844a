package rules

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	smallestExample = "fanout/example_smallest_test.go"
	embedExample    = "fanout/example_embed_test.go"
	streamExample   = "fanout/example_streams_test.go"

	// maxReadmeLines is how long README.md may be: what it would say beyond that belongs into a page of docs.
	maxReadmeLines = 150
)

var goBlock = regexp.MustCompile("(?s)```go(?: [a-z.]+)?\n(.*?)```")

func TestPagesQuoteTheExamplesThatAreCompiled(t *testing.T) {
	for _, c := range []struct{ page, example, function string }{
		{"README.md", smallestExample, "Example_smallest"},
		{"docs/embed.md", smallestExample, "Example_smallest"},
		{"docs/embed.md", embedExample, "Example_embed"},
	} {
		want := strings.NewReplacer("package fanout_test", "package main", "func "+c.function+"()", "func main()").Replace(readFile(t, c.example))
		blocks := goBlock.FindAllStringSubmatch(readFile(t, c.page), -1)
		if !slices.ContainsFunc(blocks, func(block []string) bool { return block[1] == want }) {
			t.Errorf("got in %s the Go blocks %q, want one to be %q as in %s", c.page, blocks, want, c.example)
		}
	}
}

func TestReadmeIsReadInOneSitting(t *testing.T) {
	if lines := strings.Count(readFile(t, "README.md"), "\n"); lines > maxReadmeLines {
		t.Errorf("got a README.md of %d lines, want at most %d: move what fewer need to a page of docs", lines, maxReadmeLines)
	}
	if lines := strings.Count(readFile(t, smallestExample), "\n"); lines > 25 {
		t.Errorf("got an example of %d lines in %s, want at most 25", lines, smallestExample)
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
	for _, command := range []string{"\ngo test ./...\n", "\ngo run ./cmd/spokehub serve\n"} {
		if !strings.Contains(readme, command) {
			t.Errorf("got a README.md without %q, want it", strings.TrimSpace(command))
		}
	}
}
