package rules

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

// arrow says what the packages below a directory may import beside the standard library and one another.
type arrow struct {
	// imports are roots of import paths.
	imports []string
	// anyLibrary allows third parties that imports does not name.
	anyLibrary bool
}

// arrows has every directory with packages. The longest one that contains a package holds for it.
//
// Programs get at sockets, frames and the index through fanout alone; bench measures them directly.
var arrows = map[string]arrow{
	"wsframe":           {imports: []string{"github.com/gobwas/ws"}},
	"netpoll":           {imports: []string{"github.com/mailru/easygo", "golang.org/x/sys"}},
	"event":             {imports: []string{module + "/internal/listeners", "github.com/go-json-experiment/json"}},
	"subs":              {},
	"stream":            {imports: []string{module + "/event"}},
	"broker":            {imports: []string{module + "/event", module + "/stream"}},
	"broker/brokertest": {imports: []string{module + "/broker", module + "/event", module + "/stream"}},
	"broker/inproc":     {imports: []string{module + "/broker", module + "/event", module + "/stream"}},
	"broker/nats":       {imports: []string{module + "/broker", module + "/event", module + "/stream", module + "/internal/quietconn", "github.com/nats-io/nats.go"}},
	"broker/redis":      {imports: []string{module + "/broker", module + "/event", module + "/stream", module + "/internal/quietconn", "github.com/redis/rueidis"}},
	"broker/target":     {imports: []string{module + "/broker", module + "/event", module + "/stream", module + "/internal/listeners"}},
	"fanout": {imports: []string{
		module + "/netpoll", module + "/wsframe", module + "/event", module + "/subs", module + "/stream", module + "/broker",
		module + "/internal/proxied", module + "/internal/listeners",
		"github.com/panjf2000/ants/v2",
	}},
	"fanout/fanouttest": {imports: []string{module + "/fanout", module + "/event", module + "/wsframe", "go.uber.org/goleak"}},
	"auth": {imports: []string{
		module + "/fanout", module + "/event",
		"github.com/golang-jwt/jwt", "github.com/MicahParks/keyfunc", "github.com/MicahParks/jwkset", "golang.org/x/time",
	}},
	"tracing": {imports: []string{module + "/fanout", module + "/event", "go.opentelemetry.io/otel"}},
	"spoke":   {imports: []string{module + "/event", module + "/internal/listeners", "github.com/coder/websocket"}},
	"js":      {},
	"cmd": {imports: []string{
		module + "/auth", module + "/fanout", module + "/event", module + "/stream", module + "/spoke", module + "/js", module + "/tracing", module + "/internal/certs",
		module + "/internal/loadtest", module + "/internal/doctor", module + "/broker", module + "/broker/nats", module + "/broker/redis",
	}, anyLibrary: true},
	"bench": {imports: []string{
		module + "/fanout", module + "/event", module + "/netpoll", module + "/wsframe", module + "/subs", module + "/spoke",
		module + "/internal/plot", module + "/internal/jsbuild",
	}, anyLibrary: true},
	"deploy":              {},
	"internal/certs":      {},
	"internal/doctor":     {},
	"internal/engines":    {},
	"internal/faultproxy": {},
	"internal/jsbuild":    {},
	"internal/listeners":  {},
	"internal/loadtest":   {imports: []string{module + "/event", module + "/spoke", module + "/internal/plot"}, anyLibrary: true},
	"internal/plot":       {anyLibrary: true},
	"internal/proxied":    {},
	"internal/quietconn":  {},
	"internal/release":    {},
	"internal/rules":      {},
}

// libraries are the directories whose packages embedders may import.
var libraries = []string{"auth", "broker", "event", "event/targettest", "fanout", "fanout/fanouttest", "netpoll", "spoke", "stream", "subs", "tracing", "wsframe"}

func TestArrowsBetweenPackagesPointOneWay(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for _, spec := range s.file.Imports {
			if path := importPath(spec); !allowed(s.directory(), path) {
				t.Errorf("%s: got an import of %s, want one that the table allows in %s", s.at(spec), path, s.directory())
			}
		}
	}
}

func TestEveryPackageIsInTheTableOfArrows(t *testing.T) {
	for _, s := range sources(t) {
		if governing(s.directory()) == "" {
			t.Errorf("%s: got a package that the table does not cover, want its directory there", s.path)
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
		"a metrics library in a command":             {"cmd/spokehub", "github.com/prometheus/client_golang/prometheus", true},
		"a package below the same directory":         {"bench/soak", module + "/bench/swarm", true},
		"the hub in its test kit":                    {"fanout/fanouttest", module + "/fanout", true},
		"reactors in the bench":                      {"bench/echo", module + "/netpoll", true},
		"not reactors in the hub's test kit":         {"fanout/fanouttest", module + "/netpoll", false},
		"not the test kit in the hub":                {"fanout", module + "/fanout/fanouttest", false},
		"not frames in netpoll":                      {"netpoll", module + "/wsframe", false},
		"not a metrics library in fanout":            {"fanout", "github.com/prometheus/client_golang/prometheus", false},
		"not the frame library in fanout":            {"fanout", "github.com/gobwas/ws", false},
		"not reactors in a command":                  {"cmd/spokehub", module + "/netpoll", false},
		"not the index in a command":                 {"cmd/spokehub", module + "/subs", false},
		"not the bench in a command":                 {"cmd/spokehub", module + "/bench/swarm", false},
		"not a library whose path only begins alike": {"wsframe", "github.com/gobwas/wsx", false},
		"not the hub's test kit in a command":        {"cmd/spokehub", module + "/fanout/fanouttest", false},
		"nothing of ours in an unknown directory":    {"other", module + "/event", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := allowed(c.directory, c.path); got != c.want {
				t.Errorf("got allowed %v for %s in %s, want %v", got, c.path, c.directory, c.want)
			}
		})
	}
}

func allowed(directory, path string) bool {
	rule := arrows[governing(directory)]
	ours, isOurs := strings.CutPrefix(path, module+"/")
	switch {
	case isOurs:
		home := governing(ours)
		return home != "" && (home == governing(directory) || slices.Contains(rule.imports, module+"/"+home))
	case isThirdParty(path):
		return rule.anyLibrary || slices.ContainsFunc(rule.imports, func(root string) bool { return isBelow(path, root) })
	}
	return true
}

// governing is the directory of the table whose arrows hold for the packages of directory, or "".
func governing(directory string) string {
	longest := ""
	for candidate := range arrows {
		if isBelow(directory, candidate) && len(candidate) > len(longest) {
			longest = candidate
		}
	}
	return longest
}

func isBelow(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

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
	return strings.Contains(first, ".") && !isBelow(path, module)
}
