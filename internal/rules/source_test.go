package rules

import (
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// source is one Go file, parsed.
type source struct {
	// path is relative to the root of the repository and has forward slashes.
	path  string
	files *token.FileSet
	file  *ast.File
}

func (s source) at(node ast.Node) string {
	return s.files.Position(node.Pos()).String()
}

func (s source) directory() string { return path.Dir(s.path) }

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s source) isCommand() bool { return s.file.Name.Name == "main" }

// systems are those for which a released file may be built.
var systems = []string{"linux", "darwin", "freebsd", "windows"}

// isReleased reports whether the file is built on some system without tags of our own.
func (s source) isReleased() bool {
	for _, comment := range s.file.Comments {
		for _, line := range comment.List {
			if comment.Pos() > s.file.Package || !constraint.IsGoBuild(line.Text) {
				continue
			}
			condition, err := constraint.Parse(line.Text)
			return err == nil && slices.ContainsFunc(systems, func(system string) bool {
				return condition.Eval(func(tag string) bool { return tag == system || tag == "unix" && system != "windows" })
			})
		}
	}
	return true
}

// sources are all Go files of the repository, those of nested modules included.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := parseRepository()
	if err != nil {
		t.Fatalf("read the repository: %v", err)
	}
	if len(all) == 0 {
		t.Fatal("no Go file found")
	}
	return all
}

var parseRepository = sync.OnceValues(func() ([]source, error) {
	var all []source
	root := os.DirFS(repositoryRoot())
	err := fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && (name == "testdata" || name == "node_modules" || name != "." && strings.HasPrefix(name, ".")) {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		content, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		s, err := parse(path, string(content))
		all = append(all, s)
		return err
	})
	return all, err
})

// repositoryRoot is the nearest directory above the tests that has a go.mod.
var repositoryRoot = sync.OnceValue(func() string {
	directory, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(directory, "go.mod")); err == nil {
			return directory
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			panic("no go.mod above the tests")
		}
		directory = parent
	}
})

func parse(path, content string) (source, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, content, parser.ParseComments|parser.SkipObjectResolution)
	return source{path, files, file}, err
}

func parseSource(t *testing.T, path, content string) source {
	t.Helper()
	s, err := parse(path, content)
	if err != nil {
		t.Fatalf("parse %s: %v", path, err)
	}
	return s
}

// readFile reads a file of the repository.
func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(repositoryRoot(), filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// exists reports whether the repository has a file or directory of that path.
func exists(path string) bool {
	_, err := os.Stat(filepath.Join(repositoryRoot(), filepath.FromSlash(path)))
	return err == nil
}
