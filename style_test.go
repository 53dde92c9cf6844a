// Package spokehub_test holds the rules that every Go file of the repository keeps.
package spokehub_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const maxLines = 400

var vagueNames = []string{"util", "utils", "common", "helper", "helpers", "misc"}

// source is one Go file, parsed.
type source struct {
	path  string
	files *token.FileSet
	file  *ast.File
}

func (s source) at(node ast.Node) string {
	return s.files.Position(node.Pos()).String()
}

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s source) isCommand() bool { return s.file.Name.Name == "main" }

func (s source) topDirectory() string {
	top, _, _ := strings.Cut(filepath.ToSlash(s.path), "/")
	return top
}

func parseSource(t *testing.T, path string, content any) source {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("parse %s: %v", path, err)
	}
	return source{path, files, file}
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && (name == "testdata" || name == "node_modules" || name != "." && strings.HasPrefix(name, ".")) {
			return fs.SkipDir
		}
		if !entry.IsDir() && strings.HasSuffix(name, ".go") {
			all = append(all, parseSource(t, path, nil))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("walk the repository: %v", err)
	}
	if len(all) == 0 {
		t.Fatal("no Go file found")
	}
	return all
}

func TestEveryFileFitsInOneSitting(t *testing.T) {
	for _, s := range sources(t) {
		content, err := os.ReadFile(s.path)
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(content), "\n"); lines > maxLines {
			t.Errorf("%s: got %d lines, want at most %d", s.path, lines, maxLines)
		}
	}
}

func TestEveryFileIsNamedForItsConcept(t *testing.T) {
	for _, s := range sources(t) {
		for _, part := range strings.Split(filepath.ToSlash(s.path), "/") {
			word := strings.TrimSuffix(strings.TrimSuffix(part, ".go"), "_test")
			if slices.Contains(vagueNames, word) {
				t.Errorf("%s: got a file or directory with the name %s, want one that says what is in it", s.path, word)
			}
		}
	}
}

func TestEveryCommentDocumentsADeclaration(t *testing.T) {
	for _, s := range sources(t) {
		for _, comment := range strayComments(s) {
			t.Errorf("%s: got a comment that is no documentation of a declaration, an exported field or an interface method: %s",
				s.at(comment), comment.List[0].Text)
		}
	}
}

func TestStrayCommentsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    int
	}{
		"none above package, function, type, constant and variable": {"//go:build linux\n\n// D.\npackage p\n\n// F.\nfunc F() {}\n\n// T.\ntype T int\n\n// C.\nconst (\n\t// A.\n\tA = 1\n)\n\n// V.\nvar V int\n", 0},
		"none above an exported field and an interface method":      {"package p\n\ntype T struct {\n\t// A is.\n\tA int\n}\n\ntype I interface {\n\t// M does.\n\tM()\n}\n", 0},
		"none for an example's output":                              {"package p\n\nfunc Example() {\n\tprintln(1)\n\t// Output: 1\n}\n", 0},
		"one inside a function":                                     {"package p\n\nfunc F() {\n\t// why\n\tprintln(1)\n}\n", 1},
		"one behind a statement":                                    {"package p\n\nfunc F() {\n\tprintln(1) // why\n}\n", 1},
		"one with an output outside an example":                     {"package p\n\nfunc F() {\n\tprintln(1)\n\t// Output: 1\n}\n", 1},
		"one above an unexported field":                             {"package p\n\ntype T struct {\n\t// a is.\n\ta int\n}\n", 1},
		"one behind a field":                                        {"package p\n\ntype T struct {\n\tA int // is\n}\n", 1},
		"one behind a constant":                                     {"package p\n\nconst A = 1 // is\n", 1},
		"one between declarations":                                  {"package p\n\n// Section.\n\nfunc F() {}\n", 1},
		"one in a type inside a function":                           {"package p\n\nfunc F() {\n\ttype T struct {\n\t\t// A is.\n\t\tA int\n\t}\n}\n", 1},
		"one at the end of a file":                                  {"package p\n\nfunc F() {}\n\n// End.\n", 1},
		"one inside a call's arguments":                             {"package p\n\nvar V = f(\n\t// why\n\t1,\n)\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := len(strayComments(parseSource(t, "p.go", c.content))); got != c.want {
				t.Errorf("got %d stray comments, want %d", got, c.want)
			}
		})
	}
}

// strayComments are those that document nothing.
func strayComments(s source) []*ast.CommentGroup {
	documenting := map[*ast.CommentGroup]bool{}
	for _, declaration := range s.file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			documenting[d.Doc] = true
			documenting[exampleOutput(s.file, d)] = true
		case *ast.GenDecl:
			documenting[d.Doc] = true
			for _, spec := range d.Specs {
				documentingSpec(spec, documenting)
			}
		}
	}
	var stray []*ast.CommentGroup
	for _, comment := range s.file.Comments {
		if comment.Pos() > s.file.Package && !documenting[comment] {
			stray = append(stray, comment)
		}
	}
	return stray
}

// exampleOutput is the last comment of an example, if it tells the output.
func exampleOutput(file *ast.File, function *ast.FuncDecl) *ast.CommentGroup {
	if function.Recv != nil || function.Body == nil || !strings.HasPrefix(function.Name.Name, "Example") {
		return nil
	}
	var last *ast.CommentGroup
	for _, comment := range file.Comments {
		if comment.Pos() > function.Body.Pos() && comment.End() < function.Body.End() {
			last = comment
		}
	}
	if last == nil {
		return nil
	}
	text := strings.ToLower(last.Text())
	if strings.HasPrefix(text, "output:") || strings.HasPrefix(text, "unordered output:") {
		return last
	}
	return nil
}

func documentingSpec(spec ast.Spec, documenting map[*ast.CommentGroup]bool) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		documenting[spec.Doc] = true
	case *ast.TypeSpec:
		documenting[spec.Doc] = true
		ast.Inspect(spec.Type, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.StructType:
				for _, field := range node.Fields.List {
					if isExportedField(field) {
						documenting[field.Doc] = true
					}
				}
			case *ast.InterfaceType:
				for _, method := range node.Methods.List {
					documenting[method.Doc] = true
				}
			}
			return true
		})
	}
}
