package rules

import (
	"go/ast"
	"slices"
	"testing"
)

// wallClockUsers are the files that may ask for the wall clock's time, and why.
var wallClockUsers = map[string]string{
	"fanout/auth.go":           "an ack says when an identity expires",
	"spoke/token.go":           "a token says when it expires",
	"cmd/spokehub/pub.go":      "a payload says when it was made",
	"cmd/spokehub/subprint.go": "a line says when its event came",
	"bench/peers/report.go":    "a report names the day on which it was measured",
	"wsframe/refusal.go":       "an HTTP response has a Date",
	"event/answer.go":          "an ack says when an identity expires",
	"broker/message.go":        "a message says when it was sent, to other machines",

	"internal/release/source.go": "the files of a release have the time of the commit",
}

// wallClockCalls are methods of time.Time that take its wall reading, or leave only that.
var wallClockCalls = []string{"Unix", "UnixNano", "UnixMicro", "UnixMilli", "UTC", "Local", "In", "AddDate", "YearDay"}

func TestNoDurationIsMeasuredWithTheWallClock(t *testing.T) {
	used := map[string]bool{}
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for _, call := range wallClockReadings(s) {
			used[s.path] = true
			if wallClockUsers[s.path] == "" {
				t.Errorf("%s: got a reading of the wall clock, want time.Since, Reactor.Now or another look at the monotonic clock", s.at(call))
			}
		}
	}
	for path := range wallClockUsers {
		if !used[path] {
			t.Errorf("%s: got no reading of the wall clock in a file that may have one, want it off the list", path)
		}
	}
}

func TestReadingsOfTheWallClockAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want int
	}{
		"none in time.Since":                   {"time.Since(began)", 0},
		"none in Sub":                          {"time.Now().Sub(began)", 0},
		"none in a deadline":                   {"conn.SetDeadline(time.Now().Add(time.Second))", 0},
		"none in the rounding of a duration":   {"time.Since(began).Round(time.Second)", 0},
		"none in a constant":                   {"began = time.Unix(1, 0)", 0},
		"one in UnixNano":                      {"began = time.Now().UnixNano()", 1},
		"one in Unix":                          {"began = now.Unix()", 1},
		"one in UnixMilli":                     {"began = now().UnixMilli()", 1},
		"one in Round(0)":                      {"began = time.Now().Round(0)", 1},
		"one in the truncation of now":         {"began = time.Now().Truncate(time.Second)", 1},
		"one in UTC":                           {"began = time.Now().UTC()", 1},
		"one in a time made of seconds":        {"began = time.Unix(0, stamp)", 1},
		"one in a time made of milliseconds":   {"began = time.UnixMilli(stamp)", 1},
		"two where one is in the other's call": {"began = time.Unix(0, time.Now().UnixNano())", 2},
	} {
		t.Run(name, func(t *testing.T) {
			if got := len(wallClockReadings(parseSource(t, "p.go", "package p\n\nfunc f() {\n\t"+c.body+"\n}\n"))); got != c.want {
				t.Errorf("got %d readings of the wall clock, want %d", got, c.want)
			}
		})
	}
}

// wallClockReadings are the calls that read a time's wall clock.
func wallClockReadings(s source) []ast.Node {
	var found []ast.Node
	ast.Inspect(s.file, func(node ast.Node) bool {
		call, calls := node.(*ast.CallExpr)
		if !calls {
			return true
		}
		if selector, selects := call.Fun.(*ast.SelectorExpr); selects && readsWallClock(selector, call.Args) {
			found = append(found, call)
		}
		return true
	})
	return found
}

func readsWallClock(selector *ast.SelectorExpr, arguments []ast.Expr) bool {
	switch name := selector.Sel.Name; name {
	case "Round", "Truncate":
		zero, isLiteral := arguments[0].(*ast.BasicLit)
		return isLiteral && zero.Value == "0" || isNow(selector.X)
	default:
		return slices.Contains(wallClockCalls, name) && !areLiterals(arguments)
	}
}

// areLiterals says whether a call has arguments and all are numbers: such a time is a constant.
func areLiterals(arguments []ast.Expr) bool {
	for _, argument := range arguments {
		if _, isLiteral := argument.(*ast.BasicLit); !isLiteral {
			return false
		}
	}
	return len(arguments) > 0
}

// isNow says whether x is time.Now().
func isNow(x ast.Expr) bool {
	call, calls := x.(*ast.CallExpr)
	if !calls {
		return false
	}
	selector, selects := call.Fun.(*ast.SelectorExpr)
	return selects && selector.Sel.Name == "Now" && len(call.Args) == 0
}
