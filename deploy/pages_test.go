package deploy

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// isShipped says that a file of this directory is one for operators, and not a test or what a test needs.
func isShipped(path string) bool {
	return !strings.HasSuffix(path, ".go") && !strings.HasPrefix(path, "schemas/") && !strings.HasSuffix(path, "_test.yaml")
}

// TestPageOfOperatorsHasEveryFile: docs/deploy.md links to each, and quotes nothing that stands in none of them.
func TestPageOfOperatorsHasEveryFile(t *testing.T) {
	page := shipped(t, "../docs/deploy.md")
	var all strings.Builder
	count := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		path = filepath.ToSlash(path)
		if err != nil || entry.IsDir() || !isShipped(path) {
			return err
		}
		count++
		if !strings.Contains(page, "(../deploy/"+path+")") {
			t.Errorf("got no link to deploy/%s in docs/deploy.md, want one", path)
		}
		content, err := os.ReadFile(path)
		all.Write(content)
		return err
	})
	if err != nil || count < 10 {
		t.Fatalf("got %d files and %v, want those of the directory", count, err)
	}
	for _, block := range regexp.MustCompile("(?s)```(?:ini|yaml|nginx|haproxy|caddy|dockerfile|json)\n(.*?)```").FindAllStringSubmatch(page, -1) {
		if !strings.Contains(all.String(), block[1]) {
			t.Errorf("got a block in docs/deploy.md that is in no file of deploy/, want the file's:\n%s", block[1])
		}
	}
}
