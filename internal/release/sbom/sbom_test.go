package sbom

import (
	"debug/buildinfo"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

func TestListHasEveryModuleThatIsLinked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "spokehub")
	if output, err := exec.Command("go", "build", "-o", file, "../../../cmd/spokehub").CombinedOutput(); err != nil {
		t.Fatalf("build a binary: %v\n%s", err, output)
	}
	document, err := Of(file, "v0.1.0")
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(document.Components), len(info.Deps)+1; got != want {
		t.Errorf("got %d components, want %d: the modules and the standard library", got, want)
	}
	if len(info.Deps) < 10 {
		t.Errorf("got a binary of %d modules, want those of the hub", len(info.Deps))
	}
	for _, linked := range info.Deps {
		is := func(c Component) bool {
			return c.Name == linked.Path && c.Version == linked.Version && c.PURL == "pkg:golang/"+linked.Path+"@"+linked.Version
		}
		if !slices.ContainsFunc(document.Components, is) {
			t.Errorf("got no component for %s %s, want one", linked.Path, linked.Version)
		}
	}
	main := document.Metadata.Component
	if main.Name != "github.com/spokehub/spokehub" || main.Version != "v0.1.0" || len(main.Hashes) != 1 || len(main.Hashes[0].Content) != 64 {
		t.Errorf("got the binary %+v, want its module, its release and its checksum", main)
	}
	text, err := document.JSON()
	if err != nil || !json.Valid(text) {
		t.Errorf("got %s, %v, want JSON", text, err)
	}
}

func TestWhatIsNoGoBinaryIsAnError(t *testing.T) {
	if _, err := Of("sbom_test.go", "v0.1.0"); err == nil {
		t.Error("got no error for a file that is no binary, want one")
	}
}

func TestNamesInAPackageURLAreEscaped(t *testing.T) {
	for name, c := range map[string]struct{ path, version, want string }{
		"a module":         {"github.com/gobwas/ws", "v1.5.0", "pkg:golang/github.com/gobwas/ws@v1.5.0"},
		"a build of one":   {"example.com/a", "v2.0.0+incompatible", "pkg:golang/example.com/a@v2.0.0+incompatible"},
		"one with a space": {"example.com/a b", "", "pkg:golang/example.com/a%20b"},
		"one with no dots": {"std", "1.26.0", "pkg:golang/std@1.26.0"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := module(c.path, c.version).PURL; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
