package rules

import (
	"go/ast"
	"regexp"
	"strings"
	"testing"
)

func TestEveryExportedNameIsDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || s.isCommand() {
			continue
		}
		for _, undocumented := range undocumentedNames(s) {
			t.Errorf("%s: got the exported name %s without documentation, want a comment above it", s.at(undocumented), undocumented.Name)
		}
	}
}

func TestUndocumentedNamesAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    []string
	}{
		"none when all are documented":        {"package p\n\n// F does.\nfunc F() {}\n\n// T is.\ntype T struct {\n\t// A is.\n\tA int\n}\n\n// M does.\nfunc (T) M() {}\n", nil},
		"none when a group is documented":     {"package p\n\n// Kinds of thing.\nconst (\n\tA = 1\n\tB = 2\n)\n", nil},
		"none that is unexported":             {"package p\n\nfunc f() {}\n\ntype t struct{ A int }\n\nfunc (t) M() {}\n", nil},
		"none that the type's comment names":  {"package p\n\n// T has A.\ntype T struct{ A int }\n", nil},
		"a function":                          {"package p\n\nfunc F() {}\n", []string{"F"}},
		"a method":                            {"package p\n\n// T is.\ntype T[K any] int\n\nfunc (*T[K]) M() {}\n", []string{"M"}},
		"a type":                              {"package p\n\ntype T int\n", []string{"T"}},
		"a field":                             {"package p\n\n// T is.\ntype T struct {\n\tA, b int\n}\n", []string{"A"}},
		"an interface's method":               {"package p\n\n// I is.\ntype I interface{ M() }\n", []string{"M"}},
		"a variable in an undocumented group": {"package p\n\nvar (\n\t// A is.\n\tA int\n\tB int\n)\n", []string{"B"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, undocumented := range undocumentedNames(parseSource(t, "p.go", c.content)) {
				got = append(got, undocumented.Name)
			}
			if strings.Join(got, " ") != strings.Join(c.want, " ") {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// undocumentedNames are the exported functions, methods of exported types,
// types, fields, interface methods, constants and variables without a comment.
func undocumentedNames(s source) []*ast.Ident {
	var names []*ast.Ident
	for _, declaration := range s.file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && isExportedFunction(d) {
				names = append(names, d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				names = append(names, undocumentedInSpec(d, spec)...)
			}
		}
	}
	return names
}

func undocumentedInSpec(declaration *ast.GenDecl, spec ast.Spec) []*ast.Ident {
	var names []*ast.Ident
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		if spec.Doc == nil && declaration.Doc == nil {
			names = append(names, exportedOf(spec.Names)...)
		}
	case *ast.TypeSpec:
		if !spec.Name.IsExported() {
			return nil
		}
		if spec.Doc == nil && declaration.Doc == nil {
			names = append(names, spec.Name)
		}
		documentation := declaration.Doc.Text() + spec.Doc.Text()
		for _, member := range members(spec.Type) {
			for _, name := range exportedOf(member.Names) {
				if member.Doc == nil && !isMentioned(documentation, name) {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// isMentioned reports whether the documentation of a type mentions its member name.
func isMentioned(documentation string, name *ast.Ident) bool {
	return regexp.MustCompile(`\b` + name.Name + `\b`).MatchString(documentation)
}

func exportedOf(names []*ast.Ident) []*ast.Ident {
	var exported []*ast.Ident
	for _, name := range names {
		if name.IsExported() {
			exported = append(exported, name)
		}
	}
	return exported
}

// members are the fields of a struct or the methods of an interface.
func members(expression ast.Expr) []*ast.Field {
	switch expression := expression.(type) {
	case *ast.StructType:
		return expression.Fields.List
	case *ast.InterfaceType:
		return expression.Methods.List
	}
	return nil
}

func isExportedFunction(function *ast.FuncDecl) bool {
	if function.Recv == nil {
		return function.Name.IsExported()
	}
	receiver := typeName(function.Recv.List[0].Type)
	return function.Name.IsExported() && receiver != nil && receiver.IsExported()
}

func isExportedField(field *ast.Field) bool {
	if len(field.Names) == 0 {
		name := typeName(field.Type)
		return name != nil && name.IsExported()
	}
	return len(exportedOf(field.Names)) > 0
}

// typeName is the name of a type or function without pointers, packages and type arguments.
func typeName(expression ast.Expr) *ast.Ident {
	switch expression := expression.(type) {
	case *ast.Ident:
		return expression
	case *ast.StarExpr:
		return typeName(expression.X)
	case *ast.SelectorExpr:
		return expression.Sel
	case *ast.IndexExpr:
		return typeName(expression.X)
	case *ast.IndexListExpr:
		return typeName(expression.X)
	}
	return nil
}
