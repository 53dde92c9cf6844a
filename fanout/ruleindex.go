package fanout

import (
	"slices"
	"strings"
)

// ruleIndex finds the first rule that holds for a topic without asking all of them, since a hub may have thousands and each event of
// a spoke asks. It never changes.
//
// X1: it finds the rule that a search from the first to the last would.
type ruleIndex struct {
	// exact are the rules of one topic each, by that topic; of several only the first, since no other ever holds.
	exact map[string]int
	// begun are the other rules, in their order, by how the topics begin that they cover.
	begun map[string][]int
	// lengths are those of the keys of begun, each once.
	lengths []int
}

// newRuleIndex is for rules whose patterns have been found well-formed.
func newRuleIndex(rules []TopicRule) ruleIndex {
	x := ruleIndex{exact: map[string]int{}, begun: map[string][]int{}}
	for i, r := range rules {
		text := beforeUser(r.Match)
		begin, isOpen := strings.CutSuffix(text, "*")
		if !isOpen && newUserTopics(r.Match) == nil {
			if _, isThere := x.exact[text]; !isThere {
				x.exact[text] = i
			}
			continue
		}
		x.begun[begin] = append(x.begun[begin], i)
		if !slices.Contains(x.lengths, len(begin)) {
			x.lengths = append(x.lengths, len(begin))
		}
	}
	return x
}

// find returns the first rule that holds for a topic, and whether the topic is the user's own by it; nil if there is none.
func (t *topicRules) find(topic []byte, user string) (rule *topicRule, own bool) {
	least := len(t.rules)
	if i, isThere := t.index.exact[string(topic)]; isThere {
		least = i
	}
	for _, length := range t.index.lengths {
		if length > len(topic) {
			continue
		}
		for _, i := range t.index.begun[string(topic[:length])] {
			if i >= least {
				break
			}
			if holds, isOwn := t.rules[i].covers(topic, user); holds {
				least, own = i, isOwn
			}
		}
	}
	if least == len(t.rules) {
		return nil, false
	}
	return &t.rules[least], own
}
