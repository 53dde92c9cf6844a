package simulation

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const defectsDirectory = "testdata/defects"

func TestEveryPlantedDefectStillApplies(t *testing.T) {
	patches, err := readPatches(defectsDirectory)
	if err != nil {
		t.Fatal(err)
	}
	if len(patches) == 0 {
		t.Fatalf("got no patches in %s, want some", defectsDirectory)
	}
	said := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(patches)) {
		p := patches[name]
		if other, twice := said[p.says]; twice {
			t.Errorf("%s: got the same description as %s, want one of its own", name, other)
		}
		said[p.says] = name
		if _, err := p.apply(sourceRoot); err != nil {
			t.Errorf("%s (%s): %v", name, p.says, err)
		}
		if p.by != (packageTest{}) && !p.by.exists(sourceRoot) {
			t.Errorf("%s (%s): got no %s in %s, want it to catch this", name, p.says, p.by.name, p.by.directory)
		}
	}
}

func TestPatchesChangeWhatTheyName(t *testing.T) {
	const source = "func f() {\n\tif a {\n\t\tb()\n\t}\n\tif a {\n\t\tc()\n\t}\n}\n"
	for name, c := range map[string]struct {
		changes string
		want    string
	}{
		"a line replaced": {"@@\n-\t\tb()\n+\t\td()\n", "func f() {\n\tif a {\n\t\td()\n\t}\n\tif a {\n\t\tc()\n\t}\n}\n"},
		"a line dropped that a neighbour tells from others": {"@@\n-\tif a {\n \t\tc()\n-\t}\n",
			"func f() {\n\tif a {\n\t\tb()\n\t}\n\t\tc()\n}\n"},
		"a line added":             {"@@\n func f() {\n+\treturn\n", "func f() {\n\treturn\n\tif a {\n\t\tb()\n\t}\n\tif a {\n\t\tc()\n\t}\n}\n"},
		"two changes":              {"@@\n-\t\tb()\n@@\n-\t\tc()\n", "func f() {\n\tif a {\n\t}\n\tif a {\n\t}\n}\n"},
		"the end of the file":      {"@@\n }\n\n+var x int\n", source + "\nvar x int"},
		"what another change made": {"@@\n-\t\tb()\n+\t\td()\n@@\n-\t\td()\n+\t\te()\n", "func f() {\n\tif a {\n\t\te()\n\t}\n\tif a {\n\t\tc()\n\t}\n}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := parsePatch("what goes wrong\n--- f.go\n" + c.changes)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := p.files[0].apply(source); err != nil || got != c.want {
				t.Errorf("got %q and the error %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestPatchesThatDoNotApplyAreErrors(t *testing.T) {
	const source = "a\nb\nb\nb\nlonger\n"
	for name, changes := range map[string]string{
		"lines that are not there":         "@@\n-c\n",
		"lines that are there twice":       "@@\n-b\n",
		"lines that overlap themselves":    "@@\n-b\n b\n",
		"lines in another order":           "@@\n-b\n a\n",
		"a part of a line":                 "@@\n-long\n",
		"more lines than the file has":     "@@\n-a\n-b\n-b\n-b\n-longer\n-\n-\n",
		"a line that another change drops": "@@\n-a\n@@\n-a\n",
	} {
		t.Run(name, func(t *testing.T) {
			p, err := parsePatch("what goes wrong\n--- f.go\n" + changes)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := p.files[0].apply(source); err == nil {
				t.Errorf("got %q, want an error", got)
			}
		})
	}
	p := patch{files: []filePatch{{path: "no/such/file.go"}}}
	if got, err := p.apply(sourceRoot); err == nil {
		t.Errorf("got %q for a file that does not exist, want an error", got)
	}
}

func TestTextsThatAreNoPatchesAreErrors(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                       "",
		"no description":                "--- f.go\n@@\n-a\n",
		"a description alone":           "what goes wrong\n",
		"no description but a test":     "caught by: ./a TestA\n--- f.go\n@@\n-a\n",
		"a test without its package":    "what goes wrong\ncaught by: TestA\n--- f.go\n@@\n-a\n",
		"two tests":                     "what goes wrong\ncaught by: ./a TestA\ncaught by: ./a TestB\n--- f.go\n@@\n-a\n",
		"a test behind a file":          "what goes wrong\n--- f.go\ncaught by: ./a TestA\n@@\n-a\n",
		"no file":                       "what goes wrong\n@@\n-a\n",
		"no change":                     "what goes wrong\n--- f.go\n",
		"lines without a change":        "what goes wrong\n--- f.go\n-a\n",
		"a change without old lines":    "what goes wrong\n--- f.go\n@@\n+a\n",
		"a change that changes nothing": "what goes wrong\n--- f.go\n@@\n a\n",
		"a line of another kind":        "what goes wrong\n--- f.go\n@@\na\n",
		"a second file without changes": "what goes wrong\n--- f.go\n@@\n-a\n--- g.go\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := parsePatch(text); err == nil {
				t.Errorf("got the patch %v, want an error", got)
			}
		})
	}
}

func TestOverlaysNameEveryChangedFile(t *testing.T) {
	changed := map[string]string{"/a/x.go": "package a\n", "/b/x.go": "package b\n"}
	path, err := writeOverlay(t.TempDir(), changed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var overlay struct{ Replace map[string]string }
	if err := json.Unmarshal(text, &overlay); err != nil {
		t.Fatal(err)
	}
	for original, want := range changed {
		got, err := os.ReadFile(overlay.Replace[original])
		if err != nil || string(got) != want || !strings.HasSuffix(overlay.Replace[original], filepath.Base(original)) {
			t.Errorf("%s: got %q and the error %v, want %q", original, got, err, want)
		}
	}
}
