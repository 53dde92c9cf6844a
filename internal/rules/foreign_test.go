package rules

import (
	"go/ast"
	"go/token"
	"slices"
	"testing"
)

// allowedForeign are the exceptions: what the test kit has for goleak is of use to goleak alone, and who wants traces has a provider of OpenTelemetry.
var allowedForeign = []string{"go.uber.org/goleak", "go.opentelemetry.io/otel/trace"}

func TestNoExportedSignatureNamesAThirdPartyType(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || !slices.Contains(libraries, s.directory()) {
			continue
		}
		for _, foreign := range foreignTypes(s) {
			t.Errorf("%s: got a third-party type in an exported declaration, want one of ours or of the standard library", s.at(foreign))
		}
	}
}

func TestForeignTypesAreFound(t *testing.T) {
	const imports = "package p\n\nimport (\n\t\"net\"\n\t\"example.org/ants/v2\"\n)\n\n"
	for name, c := range map[string]struct {
		content string
		want    int
	}{
		"none of the standard library":     {"func F(net.Conn) {}", 0},
		"none in an unexported function":   {"func f(ants.Pool) {}", 0},
		"none in an unexported field":      {"type T struct{ pool *ants.Pool }", 0},
		"none inside a function's body":    {"func F() { var p ants.Pool; _ = p }", 0},
		"one in a parameter":               {"func F(*ants.Pool) {}", 1},
		"one in a result":                  {"func F() []ants.Pool { return nil }", 1},
		"one in a method":                  {"type T int\n\nfunc (T) M(ants.Pool) {}", 1},
		"one in an exported field":         {"type T struct{ P func(ants.Pool) }", 1},
		"one in an interface":              {"type I interface{ M(ants.Pool) }", 1},
		"one behind an exported type name": {"type T = ants.Pool", 1},
		"one in an exported variable":      {"var V ants.Pool", 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := len(foreignTypes(parseSource(t, "p.go", imports+c.content+"\n"))); got != c.want {
				t.Errorf("got %d third-party types, want %d", got, c.want)
			}
		})
	}
}

// foreignTypes are the types of other modules that appear in exported declarations.
func foreignTypes(s source) []ast.Node {
	foreign := map[string]bool{}
	for _, spec := range s.file.Imports {
		if path := importPath(spec); isThirdParty(path) && !slices.Contains(allowedForeign, path) {
			foreign[importName(spec)] = true
		}
	}
	var found []ast.Node
	collect := func(node ast.Node) {
		ast.Inspect(node, func(node ast.Node) bool {
			selector, selects := node.(*ast.SelectorExpr)
			if !selects {
				return true
			}
			if name, named := selector.X.(*ast.Ident); named && foreign[name.Name] {
				found = append(found, selector)
			}
			return true
		})
	}
	for _, declaration := range s.file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if isExportedFunction(d) {
				collect(d.Type)
			}
		case *ast.GenDecl:
			for _, part := range exportedParts(d) {
				collect(part)
			}
		}
	}
	return found
}

// exportedParts are the types that an embedder can see in a declaration.
func exportedParts(declaration *ast.GenDecl) []ast.Node {
	var parts []ast.Node
	for _, spec := range declaration.Specs {
		switch spec := spec.(type) {
		case *ast.ValueSpec:
			if declaration.Tok == token.VAR && spec.Type != nil && len(exportedOf(spec.Names)) > 0 {
				parts = append(parts, spec.Type)
			}
		case *ast.TypeSpec:
			if !spec.Name.IsExported() {
				continue
			}
			structure, isStructure := spec.Type.(*ast.StructType)
			if !isStructure {
				parts = append(parts, spec.Type)
				continue
			}
			for _, field := range structure.Fields.List {
				if isExportedField(field) {
					parts = append(parts, field.Type)
				}
			}
		}
	}
	return parts
}
