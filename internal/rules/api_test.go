package rules

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/format"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the public API to docs/api instead of comparing it")

// apiFile is where the public API of a library is written down, one declaration a line.
func apiFile(library string) string {
	return "docs/api/" + strings.ReplaceAll(library, "/", "-") + ".txt"
}

func TestPublicAPIIsWrittenDown(t *testing.T) {
	for _, library := range libraries {
		if !exists(library) {
			continue
		}
		t.Run(library, func(t *testing.T) {
			var files []source
			for _, s := range sources(t) {
				if s.directory() == library && !s.isTest() && s.isReleased() {
					files = append(files, s)
				}
			}
			declared := publicAPI(files)
			file := filepath.Join(repositoryRoot(), filepath.FromSlash(apiFile(library)))
			if *update {
				if err := os.WriteFile(file, []byte(strings.Join(declared, "\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			content, err := os.ReadFile(file)
			if err != nil {
				t.Error(err)
			}
			written := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
			for _, line := range without(declared, written) {
				t.Errorf("got in the code, but not in %s: %s", apiFile(library), line)
			}
			for _, line := range without(written, declared) {
				t.Errorf("got in %s, but not in the code: %s", apiFile(library), line)
			}
			if t.Failed() {
				t.Log("If the change is meant, write it down: go test ./internal/rules -run API -update")
			}
		})
	}
}

func without(lines, known []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return slices.Contains(known, line) })
}

func TestPublicAPIOfDeclarations(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    []string
	}{
		"a function":                            {"func F(view []byte, n ...int) (err error) { return nil }", []string{"func F(view []byte, n ...int) (err error)"}},
		"no unexported one":                     {"func f() {}\n\ntype t int\n\nfunc (t) M() {}\n\nvar v int", nil},
		"a method":                              {"type T int\n\nfunc (t *T) M() {}", []string{"method (*T) M()", "type T int"}},
		"a method of a generic type":            {"type T[K any] struct{}\n\nfunc (t T[K]) M() K { return K{} }", []string{"method (T[K]) M() K", "type T[K any] struct"}},
		"a struct and its exported fields":      {"type T struct {\n\tA, b int\n\tC []byte `json:\"c\"`\n}", []string{"field T.A int", "field T.C []byte", "type T struct"}},
		"an embedded field":                     {"import \"net\"\n\ntype T struct {\n\tnet.Conn\n\tu\n}\n\ntype u int", []string{"field T.Conn net.Conn", "type T struct"}},
		"what an embedded type has":             {"type T struct {\n\tu\n}\n\ntype u struct{ A int }\n\nfunc (u) M() {}", []string{"field T.A int", "method (T) M()", "type T struct"}},
		"an interface and its methods":          {"type I interface {\n\tM(view []byte)\n\tm()\n\terror\n}", []string{"method I.M(view []byte)", "type I interface", "type I interface embeds error", "type I interface has unexported methods"}},
		"a type of another kind":                {"type F func(a int) error\n\ntype A = F", []string{"type A = F", "type F func(a int) error"}},
		"a constant with its value":             {"const A, B = 1, \"b\"", []string{"const A = 1", "const B = \"b\""}},
		"constants that count":                  {"type K int\n\nconst (\n\tA K = iota + 1\n\tB\n\t_\n\tD\n)", []string{"const A K = 0 + 1", "const B K = 1 + 1", "const D K = 3 + 1", "type K int"}},
		"a variable with its type":              {"var A, B int", []string{"var A int", "var B int"}},
		"a variable without the text of errors": {"import \"errors\"\n\nvar E = errors.New(\"text\")", []string{"var E = errors.New(...)"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := publicAPI([]source{parseSource(t, "p.go", "package p\n\n"+c.content+"\n")}); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// publicAPI are the exported declarations of a package, sorted, each once whatever the number of systems it is made for.
func publicAPI(files []source) []string {
	var a api
	for _, s := range files {
		for _, declaration := range s.file.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				a.addFunction(d)
			case *ast.GenDecl:
				a.addGroup(d)
			}
		}
	}
	a.promote()
	slices.Sort(a.lines)
	return slices.Compact(a.lines)
}

// api collects declarations, one a line.
type api struct {
	lines []string
	// hidden are the fields and methods of unexported types, as they would read in the type that embeds it.
	hidden map[string][]func(owner string) string
	// embeds are the unexported types that exported structs embed.
	embeds map[string][]string
}

func (a *api) add(pattern string, arguments ...any) {
	a.lines = append(a.lines, fmt.Sprintf(pattern, arguments...))
}

func (a *api) hide(owner string, line func(owner string) string) {
	if a.hidden == nil {
		a.hidden = map[string][]func(string) string{}
	}
	a.hidden[owner] = append(a.hidden[owner], line)
}

func (a *api) addFunction(d *ast.FuncDecl) {
	if !d.Name.IsExported() {
		return
	}
	signature := d.Name.Name + strings.TrimPrefix(text(d.Type), "func")
	if d.Recv == nil {
		a.add("func %s", signature)
		return
	}
	receiver := text(d.Recv.List[0].Type)
	if owner := receiverName(d); ast.IsExported(owner) {
		a.add("method (%s) %s", receiver, signature)
	} else {
		a.hide(owner, func(owner string) string { return fmt.Sprintf("method (%s) %s", owner, signature) })
	}
}

func (a *api) addGroup(d *ast.GenDecl) {
	var before *ast.ValueSpec
	for i, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			a.addType(spec)
		case *ast.ValueSpec:
			if d.Tok == token.CONST && spec.Type == nil && len(spec.Values) == 0 {
				spec = &ast.ValueSpec{Names: spec.Names, Type: before.Type, Values: before.Values}
			}
			before = spec
			a.addValues(d.Tok, spec, i)
		}
	}
}

var (
	iotaName = regexp.MustCompile(`\biota\b`)
	details  = regexp.MustCompile(`\(.+\)|\{.+\}`)
)

func (a *api) addValues(kind token.Token, spec *ast.ValueSpec, position int) {
	for i, name := range spec.Names {
		if !name.IsExported() {
			continue
		}
		line := kind.String() + " " + name.Name
		if spec.Type != nil {
			line += " " + text(spec.Type)
		}
		switch {
		case kind == token.CONST && i < len(spec.Values):
			line += " = " + iotaName.ReplaceAllString(text(spec.Values[i]), fmt.Sprint(position))
		case spec.Type == nil && i < len(spec.Values):
			line += " = " + details.ReplaceAllString(text(spec.Values[i]), "(...)")
		}
		a.add("%s", line)
	}
}

func (a *api) addType(spec *ast.TypeSpec) {
	name, head := spec.Name.Name, "type "+spec.Name.Name
	if spec.TypeParams != nil {
		head += strings.TrimSuffix(strings.TrimPrefix(text(&ast.FuncType{TypeParams: spec.TypeParams, Params: &ast.FieldList{}}), "func"), "()")
	}
	structure, isStruct := spec.Type.(*ast.StructType)
	switch {
	case isStruct:
		a.addFields(name, structure)
		head += " struct"
	case !spec.Name.IsExported():
	case spec.Assign != token.NoPos:
		head += " = " + text(spec.Type)
	default:
		if contract, is := spec.Type.(*ast.InterfaceType); is {
			head += " interface"
			a.addMethods(name, head, contract)
		} else {
			head += " " + text(spec.Type)
		}
	}
	if spec.Name.IsExported() {
		a.add("%s", head)
	}
}

func (a *api) addFields(owner string, structure *ast.StructType) {
	for _, field := range structure.Fields.List {
		names := field.Names
		if embedded := typeName(field.Type); len(names) == 0 && embedded != nil {
			names = []*ast.Ident{embedded}
			if !embedded.IsExported() && ast.IsExported(owner) {
				if a.embeds == nil {
					a.embeds = map[string][]string{}
				}
				a.embeds[owner] = append(a.embeds[owner], embedded.Name)
			}
		}
		for _, name := range exportedOf(names) {
			line := func(owner string) string { return fmt.Sprintf("field %s.%s %s", owner, name.Name, text(field.Type)) }
			if ast.IsExported(owner) {
				a.add("%s", line(owner))
			} else {
				a.hide(owner, line)
			}
		}
	}
}

func (a *api) addMethods(owner, head string, contract *ast.InterfaceType) {
	for _, method := range contract.Methods.List {
		switch {
		case len(method.Names) == 0:
			a.add("%s embeds %s", head, text(method.Type))
		case method.Names[0].IsExported():
			a.add("method %s.%s%s", owner, method.Names[0].Name, strings.TrimPrefix(text(method.Type), "func"))
		default:
			a.add("%s has unexported methods", head)
		}
	}
}

// promote adds what exported structs have of the unexported types that they embed.
func (a *api) promote() {
	for owner, embedded := range a.embeds {
		for _, name := range embedded {
			for _, line := range a.hidden[name] {
				a.add("%s", line(owner))
			}
		}
	}
}

// text is the source of a type or an expression on one line.
func text(node ast.Node) string {
	var out bytes.Buffer
	if err := format.Node(&out, token.NewFileSet(), node); err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(out.String()), " ")
}
