package spokehub_test

import (
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/spokehub/spokehub"

// arrows are the imports, beside the standard library, that a package may
// have: each with what lies below it.
var arrows = map[string][]string{
	"netpoll": {"github.com/mailru/easygo", "golang.org/x/sys"},
	"wsframe": {"github.com/gobwas/ws"},
	"event":   {"github.com/go-json-experiment/json"},
	"subs":    {},
	"fanout": {
		module + "/netpoll", module + "/wsframe", module + "/event", module + "/subs",
		"github.com/panjf2000/ants/v2",
	},
}

// commandArrows are the packages of ours that a command may import; the edges
// of third parties are free to it.
var commandArrows = []string{module + "/fanout", module + "/event"}

func TestArrowsBetweenPackagesPointOneWay(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for _, spec := range s.file.Imports {
			if path := importPath(spec); !allowed(s.topDirectory(), path) {
				t.Errorf("%s: got an import of %s in %s, want none but %v", s.at(spec), path, s.topDirectory(), arrows[s.topDirectory()])
			}
		}
	}
}

func TestArrowsThatPointTheWrongWayAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		directory, path string
		want            bool
	}{
		"the standard library everywhere":            {"subs", "net/http", true},
		"the socket library in netpoll":              {"netpoll", "golang.org/x/sys/unix", true},
		"the index in fanout":                        {"fanout", module + "/subs", true},
		"a metrics library in a command":             {"cmd", "github.com/prometheus/client_golang/prometheus", true},
		"not frames in netpoll":                      {"netpoll", module + "/wsframe", false},
		"not a metrics library in fanout":            {"fanout", "github.com/prometheus/client_golang/prometheus", false},
		"not the frame library in fanout":            {"fanout", "github.com/gobwas/ws", false},
		"not reactors in a command":                  {"cmd", module + "/netpoll", false},
		"not a library whose path only begins alike": {"wsframe", "github.com/gobwas/wsx", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := allowed(c.directory, c.path); got != c.want {
				t.Errorf("got allowed %v for %s in %s, want %v", got, c.path, c.directory, c.want)
			}
		})
	}
}

func allowed(directory, path string) bool {
	below := func(root string) bool { return path == root || strings.HasPrefix(path, root+"/") }
	ours := below(module)
	switch permitted, library := arrows[directory]; {
	case !ours && !isThirdParty(path):
		return true
	case library:
		return slices.ContainsFunc(permitted, below) || below(module+"/"+directory)
	case directory == "cmd" && ours:
		return slices.ContainsFunc(commandArrows, below)
	}
	return true
}

func importPath(spec *ast.ImportSpec) string {
	path, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return spec.Path.Value
	}
	return path
}

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

func importName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	whole := importPath(spec)
	if last := path.Base(whole); !majorVersion.MatchString(last) {
		return last
	}
	return path.Base(path.Dir(whole))
}

func isThirdParty(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".") && path != module && !strings.HasPrefix(path, module+"/")
}
