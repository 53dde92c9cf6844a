package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spokehub/spokehub/fanout"
)

// maxIdleRules is of how many rules that have no effect one is told.
const maxIdleRules = 10

// idleRules are warnings about topic rules that do not do what they say: those that never hold since one ahead of them covers all
// their topics, and those for users of a hub that asks nobody who they are.
func (f serveFlags) idleRules() (found []contradiction) {
	ahead := ruleTexts{exact: map[string]bool{}, begun: map[string]bool{}}
	hidden := 0
	for _, rule := range f.TopicRules {
		text := strings.TrimSuffix(rule.Match, "*")
		by, isHidden := ahead.hiding(rule.Match, text)
		if isHidden {
			if hidden++; hidden <= maxIdleRules {
				found = append(found, contradiction{fmt.Sprintf("topics: the rule for %q never holds, since the one for %q ahead of it covers all its topics", rule.Match, by), nil})
			}
			continue
		}
		if text != rule.Match && !strings.Contains(text, "$user") {
			ahead.begun[text] = true
		}
		ahead.exact[rule.Match] = true
	}
	if hidden > maxIdleRules {
		found = append(found, contradiction{fmt.Sprintf("topics: %d more rules never hold, since others ahead of them cover all their topics", hidden-maxIdleRules), nil})
	}
	if !f.hasKeys() && !f.hasCertificates() && slices.ContainsFunc(f.TopicRules, isForUsers) {
		found = append(found, contradiction{"topics: there are rules for users, and without --jwt-key, --jwks or --tls-client-ca no client is one: nobody has these topics", nil})
	}
	return found
}

// ruleTexts are the patterns of rules: whole, and without the asterisk of those that cover all topics which begin so.
type ruleTexts struct {
	exact, begun map[string]bool
}

// hiding returns a pattern that covers all topics of another, which is text without its asterisk.
func (t ruleTexts) hiding(match, text string) (by string, found bool) {
	if t.exact[match] {
		return match, true
	}
	for end := range len(text) + 1 {
		if t.begun[text[:end]] {
			return text[:end] + "*", true
		}
	}
	return "", false
}

// isForUsers says that a rule lets only some clients with an identity have its topics.
func isForUsers(rule fanout.TopicRule) bool {
	for _, words := range [][]string{rule.Subscribe, rule.Publish} {
		isOwn := words == nil && strings.Contains(strings.ReplaceAll(rule.Match, "$$", ""), "$user")
		if isOwn || len(words) > 0 && words[0] != "everyone" && words[0] != "nobody" {
			return true
		}
	}
	return false
}
