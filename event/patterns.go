package event

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Patterns says which topics someone may have. It is compiled once, never changes, and is safe for concurrent use. The zero
// value matches nothing. It is as small as a pointer.
type Patterns struct {
	compiled *patterns
}

// patterns are what Patterns were compiled to.
//
// I1: prefixes is sorted, and none of them begins with another. So of all that may be the beginning of a topic, only the last one
// that is not behind it can be.
type patterns struct {
	// few are all patterns without the name of the user, if it takes less time to try them than to look them up. Then exact and prefixes
	// are empty.
	few []plainPattern
	// exact are the topics that are named as they are.
	exact map[string]struct{}
	// prefixes are what stands before an asterisk.
	prefixes []string
	// ofUser are the patterns with the name of the user in them.
	ofUser []userPattern
}

// fewPatterns is how many few are at most. Measured, four of them take 8 ns; a map and a search take 21 ns.
const fewPatterns = 6

// plainPattern is a topic or, if it is open, the beginning of topics.
type plainPattern struct {
	text string
	open bool
}

// userPattern is a pattern with the name of the user in it: before, the name, what comes behind it, the name again, and so on.
type userPattern struct {
	before string
	behind []string
	// open says that anything may follow.
	open bool
}

// ParsePatterns compiles patterns over topics, which look like this:
//
//	price          the topic price and no other
//	price:EURUSD   the topic price:EURUSD and no other
//	price:*        all topics that begin with price: (price itself does not)
//	price*         all topics that begin with price, such as price, price:EURUSD and prices
//	*              all topics
//	inbox:$user    the topic inbox:ada for the user ada
//	cost:$$5       the topic cost:$5
//
// A pattern is about the name of a topic, not about the events that the topic matches. Who subscribes to the topic price gets all
// events of that type, those with an id included: so the pattern price lets a spoke see what price:* covers, too, and price:*
// does not let it subscribe to price.
//
// An asterisk may stand only at the end, and not directly behind $user, where the names of other users might go on. The name of
// a user is put in as it is; nothing in it is a pattern. A name with a colon could turn a type into a type and an id, or
// reach into what belongs to another user: so it fits only where $user comes behind the pattern's first colon and is its end. A user
// without a name fits nowhere.
//
// A pattern that can match no valid topic is an error, too. Every error names the pattern.
func ParsePatterns(texts []string) (Patterns, error) {
	var p patterns
	for _, text := range texts {
		parts, open, err := splitPattern(text)
		if err != nil {
			return Patterns{}, fmt.Errorf("pattern %q: %w", text, err)
		}
		switch {
		case len(parts) > 1:
			p.ofUser = append(p.ofUser, userPattern{before: parts[0], behind: parts[1:], open: open})
		case open:
			p.prefixes = append(p.prefixes, parts[0])
		default:
			if p.exact == nil {
				p.exact = make(map[string]struct{})
			}
			p.exact[parts[0]] = struct{}{}
		}
	}
	p.prefixes = shortest(p.prefixes)
	p.makeFew()
	return Patterns{&p}, nil
}

// makeFew moves the patterns without the name of the user to few, if they are.
func (p *patterns) makeFew() {
	if len(p.exact)+len(p.prefixes) > fewPatterns {
		return
	}
	for text := range p.exact {
		p.few = append(p.few, plainPattern{text: text})
	}
	for _, text := range p.prefixes {
		p.few = append(p.few, plainPattern{text: text, open: true})
	}
	p.exact, p.prefixes = nil, nil
}

// MustPatterns is ParsePatterns for patterns that are written in a program. It panics where ParsePatterns returns an error.
func MustPatterns(patterns ...string) Patterns {
	p, err := ParsePatterns(patterns)
	if err != nil {
		panic("event: " + err.Error())
	}
	return p
}

// splitPattern reads a pattern: the texts around each $user, and whether anything may follow.
func splitPattern(text string) (parts []string, open bool, err error) {
	if text == "" {
		return nil, false, errors.New("it is empty")
	}
	rest, open := strings.CutSuffix(text, "*")
	if strings.Contains(rest, "*") {
		return nil, false, errors.New("an asterisk may stand only at the end")
	}
	part := ""
	for {
		before, behind, found := strings.Cut(rest, "$")
		part += before
		if !found {
			break
		}
		name := behind[:len(behind)-len(strings.TrimLeftFunc(behind, isOfName))]
		switch {
		case strings.HasPrefix(behind, "$"):
			part += "$"
			rest = behind[1:]
		case name == "user":
			parts = append(parts, part)
			part = ""
			rest = behind[len(name):]
		default:
			return nil, false, fmt.Errorf("$%s is not known; $user is the name of the user, $$ a dollar sign", name)
		}
	}
	if parts = append(parts, part); open && len(parts) > 1 && part == "" {
		return nil, false, errors.New("an asterisk directly behind $user would let in users whose names begin like that")
	}
	return parts, open, checkReach(parts, open)
}

// isOfName says whether a character may belong to a name behind a dollar sign.
func isOfName(r rune) bool {
	return r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r >= utf8.RuneSelf
}

// checkReach says why a pattern can match no valid topic, if it can't. What is checked is the shortest topic that it could match.
func checkReach(parts []string, open bool) error {
	topic := strings.Join(parts, "u")
	if open && (topic == "" || topic == "_" || strings.IndexByte(topic, ':') == len(topic)-1) {
		topic += "x"
	}
	_, _, err := SplitTopic(topic)
	return err
}

// shortest sorts prefixes and drops those that begin with another one.
func shortest(prefixes []string) []string {
	slices.Sort(prefixes)
	kept := prefixes[:0]
	for _, prefix := range prefixes {
		if len(kept) == 0 || !strings.HasPrefix(prefix, kept[len(kept)-1]) {
			kept = append(kept, prefix)
		}
	}
	return slices.Clip(kept)
}

// Match reports whether a pattern covers the topic for the user. Any goroutine may call it. It doesn't block, allocate or keep
// its arguments. Its cost does not depend on the number of patterns, but for those with $user.
func (p Patterns) Match(topic []byte, user string) bool {
	return p.compiled != nil && (p.compiled.matchPlain(topic) || user != "" && p.compiled.matchUser(topic, user))
}

func (p *patterns) matchPlain(topic []byte) bool {
	for i := range p.few {
		if p.few[i].match(topic) {
			return true
		}
	}
	_, isThere := p.exact[string(topic)]
	return isThere || p.hasPrefix(topic)
}

func (p *plainPattern) match(topic []byte) bool {
	return len(p.text) == len(topic) && p.text == string(topic) ||
		p.open && len(p.text) <= len(topic) && p.text == string(topic[:len(p.text)])
}

func (p *patterns) matchUser(topic []byte, user string) bool {
	for i := range p.ofUser {
		if p.ofUser[i].match(topic, user) {
			return true
		}
	}
	return false
}

// hasPrefix says whether the topic begins with one of the prefixes.
func (p *patterns) hasPrefix(topic []byte) bool {
	low, high := 0, len(p.prefixes)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if p.prefixes[middle] <= string(topic) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low == 0 {
		return false
	}
	prefix := p.prefixes[low-1]
	return len(prefix) <= len(topic) && prefix == string(topic[:len(prefix)])
}

func (p *userPattern) match(topic []byte, user string) bool {
	if !p.fits(user) {
		return false
	}
	topic, ok := cut(topic, p.before)
	for i := 0; ok && i < len(p.behind); i++ {
		if topic, ok = cut(topic, user); ok {
			topic, ok = cut(topic, p.behind[i])
		}
	}
	return ok && (p.open || len(topic) == 0)
}

// fits says whether the name may be put in: one with a colon only at the end of an id.
func (p *userPattern) fits(user string) bool {
	return strings.IndexByte(user, ':') < 0 ||
		len(p.behind) == 1 && p.behind[0] == "" && strings.IndexByte(p.before, ':') >= 0
}

// cut takes a beginning away from text, if that is how it begins.
func cut(text []byte, beginning string) (rest []byte, ok bool) {
	if len(text) < len(beginning) || string(text[:len(beginning)]) != beginning {
		return nil, false
	}
	return text[len(beginning):], true
}
