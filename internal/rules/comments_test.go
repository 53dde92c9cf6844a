package rules

import (
	"go/ast"
	"strings"
	"testing"
)

func TestEveryCommentDocumentsADeclaration(t *testing.T) {
	for _, s := range sources(t) {
		for _, comment := range strayComments(s) {
			t.Errorf("%s: got a comment that documents no declaration, want it above one or gone: %s", s.at(comment), comment.List[0].Text)
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
		"none above an unexported field or constant":                {"package p\n\ntype t struct {\n\t// a is.\n\ta int\n}\n\nconst (\n\t// b is.\n\tb = 1\n)\n", 0},
		"none above a field of a variable's type":                   {"package p\n\nvar v struct {\n\t// a is.\n\ta int\n}\n", 0},
		"one behind a field":                                        {"package p\n\ntype T struct {\n\tA int // is\n}\n", 1},
		"one behind a constant":                                     {"package p\n\nconst A = 1 // is\n", 1},
		"one between declarations":                                  {"package p\n\n// Section.\n\nfunc F() {}\n", 1},
		"one in a type inside a function":                           {"package p\n\nfunc F() {\n\ttype T struct {\n\t\t// A is.\n\t\tA int\n\t}\n}\n", 1},
		"one at the end of a file":                                  {"package p\n\nfunc F() {}\n\n// End.\n", 1},
		"one in a function that a variable holds":                   {"package p\n\nvar v = func() {\n\ttype t struct {\n\t\t// a is.\n\t\ta int\n\t}\n}\n", 1},
		"one above a parameter":                                     {"package p\n\nfunc F(\n\t// a is.\n\ta int,\n) {\n}\n", 1},
		"one inside a call's arguments":                             {"package p\n\nvar V = f(\n\t// why\n\t1,\n)\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := len(strayComments(parseSource(t, "p.go", c.content))); got != c.want {
				t.Errorf("got %d stray comments, want %d", got, c.want)
			}
		})
	}
}

// strayComments are the comments that document no declaration.
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

// exampleOutput is the last comment of an example if it states the output.
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
	}
	ast.Inspect(spec, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.FuncLit:
			return false
		case *ast.StructType:
			for _, field := range node.Fields.List {
				documenting[field.Doc] = true
			}
		case *ast.InterfaceType:
			for _, method := range node.Methods.List {
				documenting[method.Doc] = true
			}
		}
		return true
	})
}
