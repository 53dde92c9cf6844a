package rules

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are the Markdown files of the repository that a reader starts from.
func documents(t *testing.T) []string {
	t.Helper()
	found := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	below, err := filepath.Glob(filepath.Join(repositoryRoot(), "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range below {
		found = append(found, path.Join("docs", filepath.Base(file)))
	}
	return found
}

func TestDocumentsLinkToWhatIsThere(t *testing.T) {
	for _, document := range documents(t) {
		links := localLinks(readFile(t, document))
		if document == "README.md" && len(links) < 10 {
			t.Errorf("got %d links in README.md, want at least 10", len(links))
		}
		for _, link := range links {
			if !exists(path.Join(path.Dir(document), link)) {
				t.Errorf("got a link to %s in %s, want one to what is there", link, document)
			}
		}
	}
}

var markdownLink = regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)

func TestDocumentsLinkToHeadingsThatAreThere(t *testing.T) {
	found := 0
	for _, document := range documents(t) {
		for _, link := range anchorLink.FindAllStringSubmatch(readFile(t, document), -1) {
			target := document
			if link[1] != "" {
				target = path.Join(path.Dir(document), link[1])
			}
			if strings.Contains(link[1], "://") || !exists(target) {
				continue
			}
			found++
			if !slices.Contains(anchors(readFile(t, target)), link[2]) {
				t.Errorf("got a link to #%s of %s in %s, want a heading of that name there", link[2], target, document)
			}
		}
	}
	if found < 20 {
		t.Errorf("got %d links to headings, want those of all pages", found)
	}
}

var (
	anchorLink = regexp.MustCompile(`\]\(([^)#\s]*)#([^)\s]+)\)`)
	heading    = regexp.MustCompile("(?m)^#+ (.+)$")
	notInLink  = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// anchors are the headings of a page as links name them.
func anchors(page string) (names []string) {
	for _, found := range heading.FindAllStringSubmatch(page, -1) {
		names = append(names, strings.ReplaceAll(notInLink.ReplaceAllString(strings.ToLower(found[1]), ""), " ", "-"))
	}
	return names
}

func TestAnchorsOfHeadings(t *testing.T) {
	page := "# Hubs\n\n## POST /publish, twice\n\n### 2. Raise `ulimit`\n"
	if got, want := anchors(page), []string{"hubs", "post-publish-twice", "2-raise-ulimit"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// localLinks are the targets of links that stay in the repository.
func localLinks(document string) []string {
	var links []string
	for _, link := range markdownLink.FindAllStringSubmatch(document, -1) {
		if !strings.Contains(link[1], "://") {
			links = append(links, link[1])
		}
	}
	return links
}

func TestEveryFileThatADocumentNamesExists(t *testing.T) {
	var tops []string
	entries, err := os.ReadDir(repositoryRoot())
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != ".git" {
			tops = append(tops, entry.Name())
		}
	}
	generated := strings.Fields(readFile(t, ".gitignore"))
	for _, document := range documents(t) {
		for _, name := range namedFiles(fileOfAReader.ReplaceAllString(readFile(t, document), ""), tops) {
			if !exists(name) && !exists(path.Join(path.Dir(document), name)) && !slices.Contains(generated, "/"+name) {
				t.Errorf("got the name %s in %s, want one of a file or directory that exists, from the root or beside the document", name, document)
			}
		}
	}
}

// fileOfAReader is how a block of code begins that readers write to a file of their own.
var fileOfAReader = regexp.MustCompile("(?m)^```[a-z]+ [a-z]+\\.[a-z]+$")

func TestEveryFileThatADocCommentNamesExists(t *testing.T) {
	for _, s := range sources(t) {
		for _, comment := range s.file.Comments {
			for _, name := range namedSources(comment.Text()) {
				if !exists(path.Join(s.directory(), name)) && !exists(name) {
					t.Errorf("%s: got the name %s in a comment, want one of a file that exists beside it or from the root", s.at(comment), name)
				}
			}
		}
	}
}

func TestFilesThatAreNamedAreFound(t *testing.T) {
	tops := []string{"bench", "cmd", ".ci", "docs"}
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"a file beside the document":     {"see CONTRIBUTING.md.", []string{"CONTRIBUTING.md"}},
		"a file in a directory":          {"`docs/data-path.svg` shows it", []string{"docs/data-path.svg"}},
		"a directory below the root":     {"cd bench/peers && go run .", []string{"bench/peers"}},
		"a package as go names it":       {"go run ./cmd/spokehub serve", []string{"cmd/spokehub"}},
		"a script without an ending":     {"`.ci/run race`", []string{".ci/run"}},
		"all packages as their parent":   {"go vet ./bench/...", []string{"bench"}},
		"a Go file alone":                {"(collect.go)", []string{"collect.go"}},
		"not the path of a URL":          {"http://127.0.0.1:8080/stats.json and /stats.json", nil},
		"not the file of another system": {"# /etc/sysctl.d/90-spokehub.conf, /usr/local/bin/spokehub", nil},
		"not another repository's":       {"github.com/nats-io/nats.go and https://go.dev/docs/x.md", nil},
		"not a word with a dot":          {"order.created, go.uber.org, 127.0.0.1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := namedFiles(c.text, tops); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

var (
	word      = regexp.MustCompile(`[A-Za-z0-9_.:/-]+`)
	fileName  = regexp.MustCompile(`^[A-Za-z0-9_./-]+\.(go|md|svg|html|mjs|js|json|ya?ml|txt|mod|sum|sh|patch)$`)
	otherHost = regexp.MustCompile(`^(https?:|wss?:|/|[a-z0-9-]+(\.[a-z0-9-]+)*\.(com|org|dev|net|in)/)`)
)

// namedFiles are the words of a text that name files of the repository: a file name with a known ending, or a path
// that begins with one of the directories at the root.
func namedFiles(text string, tops []string) []string {
	var names []string
	for _, candidate := range word.FindAllString(text, -1) {
		if otherHost.MatchString(candidate) {
			continue
		}
		name := strings.TrimRight(strings.TrimPrefix(candidate, "./"), ".:/-")
		top, _, below := strings.Cut(name, "/")
		if fileName.MatchString(name) || below && slices.Contains(tops, top) || strings.HasSuffix(candidate, "/...") && slices.Contains(tops, name) {
			names = append(names, name)
		}
	}
	return names
}

// namedSources are the Go files that a comment names.
func namedSources(text string) []string {
	return slices.DeleteFunc(namedFiles(text, nil), func(name string) bool { return !strings.HasSuffix(name, ".go") })
}

// rootFiles are what the root of the repository may hold beside directories.
var rootFiles = []string{
	".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "go.mod", "go.sum",
}

func TestTheRootHoldsOnlyWhatAReaderStartsFrom(t *testing.T) {
	entries, err := os.ReadDir(repositoryRoot())
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Type().IsRegular() && entry.Name() != ".git" && !slices.Contains(rootFiles, entry.Name()) && !isIgnored(entry.Name(), readFile(t, ".gitignore")) {
			t.Errorf("got %s at the root, want nothing but %s", entry.Name(), fmt.Sprint(rootFiles))
		}
	}
}

func isIgnored(name, patterns string) bool {
	return slices.ContainsFunc(strings.Fields(patterns), func(pattern string) bool {
		matched, err := path.Match(strings.TrimPrefix(pattern, "/"), name)
		return err == nil && matched
	})
}
