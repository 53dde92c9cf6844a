package rules

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"testing"
)

// secretName matches what a value is called that nobody may guess byte by byte from the time that a comparison takes.
var secretName = regexp.MustCompile(`(?i)(secret|hash|hashes|password|apikey|mac|signature)$`)

// comparers are functions that stop at the first difference.
var comparers = []string{"bytes.Equal", "bytes.Compare", "slices.Equal", "slices.Contains", "slices.Index", "strings.Compare", "strings.EqualFold", "reflect.DeepEqual"}

// secretKeepers are the files that compare secrets.
var secretKeepers = []string{"auth/apikeys.go"}

func TestSecretsAreComparedInConstantTime(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || s.directory() != "auth" && s.directory() != "cmd/spokehub" {
			continue
		}
		for _, at := range hastyComparisons(s) {
			t.Errorf("%s: got a comparison of a secret that ends at the first difference, want subtle.ConstantTimeCompare", s.at(at))
		}
		if slices.Contains(secretKeepers, s.path) && len(callsOf(s, "subtle.ConstantTimeCompare")) == 0 {
			t.Errorf("%s: got no call of subtle.ConstantTimeCompare, want the keys compared by it", s.path)
		}
	}
}

func TestHastyComparisonsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want int
	}{
		"none in a constant-time comparison": {"_ = subtle.ConstantTimeCompare(hash[:], k.hashes[i][:])", 0},
		"none with nothing":                  {`_ = secret == "" || secret == nil`, 0},
		"none of lengths":                    {"_ = len(hash) != sha256.Size", 0},
		"none of names":                      {"_ = name == other", 0},
		"one of equal signs":                 {"_ = hash == other", 1},
		"one of a field":                     {"_ = other != k.secret", 1},
		"one of an element":                  {"_ = k.hashes[i] == other", 1},
		"one of a slice":                     {"_ = bytes.Equal(other, hash[:])", 1},
		"one in a search":                    {"_ = slices.Contains(k.hashes, other)", 1},
		"one in a switch":                    {"switch password {\ncase other:\n}", 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := len(hastyComparisons(parseSource(t, "p.go", "package p\n\nfunc f() {\n\t"+c.body+"\n}\n"))); got != c.want {
				t.Errorf("got %d comparisons, want %d", got, c.want)
			}
		})
	}
}

// hastyComparisons are where a secret is compared and the time tells how far it was right.
func hastyComparisons(s source) (found []ast.Node) {
	ast.Inspect(s.file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.BinaryExpr:
			isComparison := n.Op == token.EQL || n.Op == token.NEQ
			if isComparison && (isSecret(n.X) && !isNothing(n.Y) || isSecret(n.Y) && !isNothing(n.X)) {
				found = append(found, n)
			}
		case *ast.SwitchStmt:
			if n.Tag != nil && isSecret(n.Tag) {
				found = append(found, n)
			}
		}
		return true
	})
	for _, call := range callsOf(s, comparers...) {
		if slices.ContainsFunc(call.Args, isSecret) {
			found = append(found, call)
		}
	}
	return found
}

// callsOf are the calls of functions of packages, such as bytes.Equal.
func callsOf(s source, functions ...string) (found []*ast.CallExpr) {
	ast.Inspect(s.file, func(node ast.Node) bool {
		call, calls := node.(*ast.CallExpr)
		if !calls {
			return true
		}
		if selector, selects := call.Fun.(*ast.SelectorExpr); selects {
			if pkg, named := selector.X.(*ast.Ident); named && slices.Contains(functions, pkg.Name+"."+selector.Sel.Name) {
				found = append(found, call)
			}
		}
		return true
	})
	return found
}

// isSecret says whether an expression is called like a secret, or is an element or part of one.
func isSecret(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return secretName.MatchString(x.Name)
	case *ast.SelectorExpr:
		return secretName.MatchString(x.Sel.Name)
	case *ast.IndexExpr:
		return isSecret(x.X)
	case *ast.SliceExpr:
		return isSecret(x.X)
	case *ast.ParenExpr:
		return isSecret(x.X)
	case *ast.CallExpr:
		return len(x.Args) == 1 && isConversion(x.Fun) && isSecret(x.Args[0])
	}
	return false
}

// isConversion says whether a call of it makes text of bytes or bytes of text.
func isConversion(f ast.Expr) bool {
	if name, named := f.(*ast.Ident); named {
		return name.Name == "string"
	}
	_, isSlice := f.(*ast.ArrayType)
	return isSlice
}

// isNothing says whether an expression is nil or an empty text.
func isNothing(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name == "nil"
	case *ast.BasicLit:
		return x.Value == `""`
	}
	return false
}
