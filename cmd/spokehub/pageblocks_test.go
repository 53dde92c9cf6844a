package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/fanout"
)

// block is a fenced block of a page.
type block struct {
	// language is the first word behind the fence, note the rest of the line.
	language, note string
	text           string
}

// notRun begins the note of a block of commands that no test can run. Why stands behind it.
const notRun = "not run: "

// blocksOf are the fenced blocks of a page, which is named from the root of the repository.
func blocksOf(t *testing.T, page string) (blocks []block) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(page)))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile("(?ms)^```(\\w+)[ ]?([^\n]*)\n(.*?)^```$").FindAllStringSubmatch(string(content), -1) {
		blocks = append(blocks, block{found[1], found[2], found[3]})
	}
	return blocks
}

// taskPages are the pages whose blocks TestCommandsOfTaskPagesRun runs. A page of tasks that is not here is a mistake.
var taskPages = []string{
	"README.md", "docs/first-hub.md", "docs/embed.md", "docs/public-hub.md", "docs/tune-for-100k.md", "docs/upgrade.md", "docs/troubleshoot.md",
}

// maxNotRun is how many blocks of all these pages may be left out. Think of a way to run one before you raise it.
const maxNotRun = 6

func TestFewBlocksOfTaskPagesAreNotRunAndEachSaysWhy(t *testing.T) {
	t.Parallel()
	count := 0
	for _, page := range taskPages {
		for _, b := range blocksOf(t, page) {
			why, left := strings.CutPrefix(b.note, notRun)
			switch {
			case b.language != "sh":
			case left && len(strings.Fields(why)) < 3:
				t.Errorf("%s: got the reason %q for %q, want one that says what is missing", page, why, b.text)
			case left:
				count++
			case b.note != "" && b.note != "terminal":
				t.Errorf("%s: got the note %q, want none, terminal, or %sand why", page, b.note, notRun)
			}
		}
	}
	if count != maxNotRun {
		t.Errorf("got %d blocks that are not run, want %d", count, maxNotRun)
	}
}

func TestTroubleshootHasEveryRefusalCloseCodeAndReject(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("..", "..", "docs", "troubleshoot.md"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"500", "404", "405", "505", "1006", "`invalid_topic`", "`forbidden`", "`limit`", "`unauthenticated`", "`unavailable`"}
	for _, status := range ownStatuses {
		want = append(want, strconv.Itoa(status))
	}
	for _, code := range append([]uint16{fanout.CodeForbidden, fanout.CodeTooMany}, ownCodes...) {
		want = append(want, strconv.Itoa(int(code)))
	}
	for _, first := range want {
		if !strings.Contains(string(content), "\n| "+first+" | ") {
			t.Errorf("got no line of a table for %s in docs/troubleshoot.md, want its usual cause and what to do", first)
		}
	}
}

func TestEveryPageOfTasksIsRun(t *testing.T) {
	t.Parallel()
	index, err := os.ReadFile(filepath.Join("..", "..", "docs", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, tasks, _ := strings.Cut(string(index), "\n## Tasks\n")
	tasks, _, _ = strings.Cut(tasks, "\n## ")
	links := regexp.MustCompile(`\]\(([a-z0-9-]+\.md)\)`).FindAllStringSubmatch(tasks, -1)
	if len(links) < 7 {
		t.Errorf("got %d pages of tasks in docs/README.md, want at least seven", len(links))
	}
	run := strings.Join(append(taskPages, "docs/cluster.md"), " ")
	for _, link := range links {
		if !strings.Contains(run, "docs/"+link[1]) {
			t.Errorf("got docs/%s among the tasks of docs/README.md, want it among those whose commands a test runs", link[1])
		}
	}
}
