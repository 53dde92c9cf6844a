package rules

import (
	"go/ast"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	maxLines  = 400
	maxFields = 12
)

var vagueNames = []string{"util", "utils", "common", "helper", "helpers", "misc"}

func TestEveryFileFitsInOneSitting(t *testing.T) {
	for _, s := range sources(t) {
		if lines := strings.Count(readFile(t, s.path), "\n"); lines > maxLines {
			t.Errorf("%s: got %d lines, want at most %d", s.path, lines, maxLines)
		}
	}
}

func TestEveryFileIsNamedForItsConcept(t *testing.T) {
	for _, s := range sources(t) {
		for _, part := range strings.Split(s.path, "/") {
			word := strings.TrimSuffix(strings.TrimSuffix(part, ".go"), "_test")
			if slices.Contains(vagueNames, word) {
				t.Errorf("%s: got a file or directory with the name %s, want one that says what is in it", s.path, word)
			}
		}
	}
}

func TestEveryStructHasAtMostADozenFields(t *testing.T) {
	for _, s := range sources(t) {
		for _, large := range largeStructs(s) {
			t.Errorf("%s: got %d fields in the struct %s, want at most %d: group those with one owner in structs of their own",
				s.at(large.node), large.fields, large.name, maxFields)
		}
	}
}

func TestLargeStructsAreFound(t *testing.T) {
	many := func(count int, tag string) string {
		var fields strings.Builder
		for i := range count {
			fields.WriteString("\tf" + strconv.Itoa(i) + " int" + tag + "\n")
		}
		return "struct {\n" + fields.String() + "}\n"
	}
	const help = " `help:\"What it does.\"`"
	for name, c := range map[string]struct {
		content string
		want    int
	}{
		"none with a dozen fields":                 {"package p\n\ntype T " + many(12, ""), 0},
		"none named Config":                        {"package p\n\ntype Config " + many(13, ""), 0},
		"none named Stats":                         {"package p\n\ntype Stats " + many(13, ""), 0},
		"none of a command's flags":                {"package main\n\ntype flags " + many(13, help), 0},
		"one with more":                            {"package p\n\ntype T " + many(13, ""), 1},
		"one with several fields on a line":        {"package p\n\ntype T struct{ a, b, c, d, e, f, g, h, i, j, k, l, m int }\n", 1},
		"one with embedded fields":                 {"package p\n\ntype T struct{ A; B; C; D; E; F; G; H; I; J; K; L; M }\n", 1},
		"one without a name":                       {"package p\n\nvar v " + many(13, ""), 1},
		"one inside a function":                    {"package p\n\nfunc f() {\n\ttype t " + many(13, "") + "}\n", 1},
		"one with tags that are not a command's":   {"package p\n\ntype T " + many(13, help), 1},
		"one of a command that is not of flags":    {"package main\n\ntype t " + many(13, ""), 1},
		"one of flags and of something else":       {"package main\n\ntype t struct {\n" + strings.Repeat("\tA int"+help+"\n", 12) + "\tb int\n}\n", 1},
		"one whose name only begins like a Config": {"package p\n\ntype ConfigFile " + many(13, ""), 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := len(largeStructs(parseSource(t, "p.go", c.content))); got != c.want {
				t.Errorf("got %d large structs, want %d", got, c.want)
			}
		})
	}
}

// largeStruct is a struct with too many fields.
type largeStruct struct {
	node   *ast.StructType
	name   string
	fields int
}

func largeStructs(s source) []largeStruct {
	names := map[*ast.StructType]string{}
	var large []largeStruct
	ast.Inspect(s.file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.TypeSpec:
			if structure, is := node.Type.(*ast.StructType); is {
				names[structure] = node.Name.Name
			}
		case *ast.StructType:
			name := names[node]
			free := name == "Config" || name == "Stats" || s.isCommand() && isFlags(node)
			if fields := node.Fields.NumFields(); fields > maxFields && !free {
				large = append(large, largeStruct{node, name, fields})
			}
		}
		return true
	})
	return large
}

// isFlags reports whether every field is a flag of a command line, as kong reads them: it has a help text.
func isFlags(structure *ast.StructType) bool {
	return !slices.ContainsFunc(structure.Fields.List, func(field *ast.Field) bool {
		if field.Tag == nil {
			return true
		}
		tag, err := strconv.Unquote(field.Tag.Value)
		return err != nil || reflect.StructTag(tag).Get("help") == ""
	})
}
