package simulation

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// patch is one planted defect: what goes wrong with it, and how the source is changed so that it does.
//
// It is written like a diff without line numbers. The first line says what goes wrong. A second line "caught by: PACKAGE TEST" may
// name the test that must catch it where the simulation can't. A line "--- FILE" begins the changes to a file of the module, a
// line "@@" each change. A change is lines that begin with a space (they stay), a minus (they go) or a plus
// (they come). Those that stay and go must be found next to each other at one place of the file.
type patch struct {
	says string
	// by is the test that must catch it; none for the simulation.
	by    packageTest
	files []filePatch
}

// packageTest is a test of another package of the module.
type packageTest struct {
	// directory of the package, from the root of the module on.
	directory string
	// name of the test, with that of a subtest behind a slash if that suffices.
	name string
}

// filePatch is the changes to one file.
type filePatch struct {
	path    string
	changes []change
}

// change replaces old lines by new ones.
type change struct {
	old, new []string
}

// sourceRoot is the root of the module, seen from this package.
const sourceRoot = "../.."

const patchSuffix = ".patch"

// readPatches returns the patches of a directory by their file names without the suffix.
func readPatches(directory string) (map[string]patch, error) {
	paths, err := filepath.Glob(filepath.Join(directory, "*"+patchSuffix))
	if err != nil {
		return nil, err
	}
	patches := make(map[string]patch)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		p, err := parsePatch(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		patches[strings.TrimSuffix(filepath.Base(path), patchSuffix)] = p
	}
	return patches, nil
}

func parsePatch(text string) (patch, error) {
	says, rest, _ := strings.Cut(text, "\n")
	p := patch{says: says}
	if says == "" || strings.HasPrefix(says, "---") || strings.HasPrefix(says, caughtBy) {
		return p, errors.New("the first line must say what goes wrong")
	}
	for n, line := range strings.Split(strings.TrimSuffix(rest, "\n"), "\n") {
		if err := p.add(line); err != nil {
			return p, fmt.Errorf("line %d: %w", n+2, err)
		}
	}
	return p, p.check()
}

const caughtBy = "caught by: "

// add parses one line behind the first.
func (p *patch) add(line string) error {
	if test, isTest := strings.CutPrefix(line, caughtBy); isTest && len(p.files) == 0 {
		fields := strings.Fields(test)
		if p.by != (packageTest{}) || len(fields) != 2 {
			return errors.New("want one package and one test")
		}
		p.by = packageTest{fields[0], fields[1]}
		return nil
	}
	if path, isFile := strings.CutPrefix(line, "--- "); isFile {
		p.files = append(p.files, filePatch{path: path})
		return nil
	}
	if len(p.files) == 0 {
		return errors.New(`want "--- FILE" first`)
	}
	f := &p.files[len(p.files)-1]
	if line == "@@" {
		f.changes = append(f.changes, change{})
		return nil
	}
	if len(f.changes) == 0 {
		return errors.New(`want "@@" before lines`)
	}
	return f.changes[len(f.changes)-1].add(line)
}

func (c *change) add(line string) error {
	if line == "" {
		line = " "
	}
	switch kind, content := line[0], line[1:]; kind {
	case ' ':
		c.old = append(c.old, content)
		c.new = append(c.new, content)
	case '-':
		c.old = append(c.old, content)
	case '+':
		c.new = append(c.new, content)
	default:
		return fmt.Errorf("%q begins with none of space, minus, plus", line)
	}
	return nil
}

// exists says whether a file of the package at root has the test.
func (t packageTest) exists(root string) bool {
	paths, err := filepath.Glob(filepath.Join(root, t.directory, "*_test.go"))
	if err != nil {
		return false
	}
	name, _, _ := strings.Cut(t.name, "/")
	for _, path := range paths {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}

func (p *patch) check() error {
	if len(p.files) == 0 {
		return errors.New("changes no file")
	}
	for _, f := range p.files {
		if len(f.changes) == 0 {
			return fmt.Errorf("%s: no changes", f.path)
		}
		for _, c := range f.changes {
			if len(c.old) == 0 || slices.Equal(c.old, c.new) {
				return fmt.Errorf("%s: a change finds nothing or changes nothing", f.path)
			}
		}
	}
	return nil
}

// apply returns the changed files of the module at root, by their absolute paths.
func (p *patch) apply(root string) (map[string]string, error) {
	changed := make(map[string]string)
	for _, f := range p.files {
		path, err := filepath.Abs(filepath.Join(root, f.path))
		if err != nil {
			return nil, err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if changed[path], err = f.apply(string(source)); err != nil {
			return nil, fmt.Errorf("%s: %w", f.path, err)
		}
	}
	return changed, nil
}

// apply makes all changes to a source. The old lines of each must occur once.
func (f *filePatch) apply(source string) (string, error) {
	lines := strings.Split(source, "\n")
	for _, c := range f.changes {
		places := c.places(lines)
		if len(places) != 1 {
			return "", fmt.Errorf("want these lines once, got them %d times:\n%s", len(places), strings.Join(c.old, "\n"))
		}
		lines = slices.Replace(lines, places[0], places[0]+len(c.old), c.new...)
	}
	return strings.Join(lines, "\n"), nil
}

func (c *change) places(lines []string) (at []int) {
	for i := range len(lines) - len(c.old) + 1 {
		if slices.Equal(lines[i:i+len(c.old)], c.old) {
			at = append(at, i)
		}
	}
	return at
}

// writeOverlay writes changed files into a directory, and beside them the file that the go command's flag -overlay takes,
// whose path it returns.
func writeOverlay(directory string, changed map[string]string) (string, error) {
	replace := make(map[string]string)
	for i, path := range slices.Sorted(maps.Keys(changed)) {
		replacement := filepath.Join(directory, fmt.Sprintf("%d_%s", i, filepath.Base(path)))
		if err := os.WriteFile(replacement, []byte(changed[path]), 0o600); err != nil {
			return "", err
		}
		replace[path] = replacement
	}
	overlay := filepath.Join(directory, "overlay.json")
	return overlay, os.WriteFile(overlay, []byte(overlayText(replace)), 0o600)
}

func overlayText(replace map[string]string) string {
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		panic(err)
	}
	return string(text)
}
