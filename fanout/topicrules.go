package fanout

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/spokehub/spokehub/event"
)

// TopicRule says who may have the topics that its pattern covers. The first rule that covers a topic holds for it; a topic that no
// rule covers is open to all. The permissions of an identity hold besides: both have to allow.
//
// A rule with $user in its pattern covers the topics of all users, and unless it says otherwise each may have his own alone: by
// "inbox:$user" nobody gets to "inbox:ada" but ada.
//
// Who subscribes to a type also gets the events of all its ids. So where a rule for ids ("inbox:$user") restricts who may subscribe
// and no rule covers the type itself ("inbox"), nobody may subscribe to the type.
type TopicRule struct {
	// Match is a pattern as event.ParsePatterns has it.
	Match string
	// Subscribe says who may subscribe: everyone, users (spokes whose identity has a user), owner (the one user whose name stands in
	// the topic for $user) or nobody, as one word, or the names of users. Nil means owner if the pattern has $user, else everyone.
	Subscribe []string
	// Publish says the same of events, whose topic is their type and id, or their type if they have no id. It holds for events of
	// spokes, not for those that the embedder dispatches.
	Publish []string
}

// The words of TopicRule.Subscribe and Publish.
const (
	everyone = "everyone"
	anyUser  = "users"
	owner    = "owner"
	nobody   = "nobody"
)

// topicRules are the compiled rules of a hub. They never change.
type topicRules struct {
	rules []topicRule
	index ruleIndex
	// types are those whose ids have rules about subscriptions, and beginnings how more of them begin.
	types      map[string]bool
	beginnings []string
}

// topicRule is a compiled TopicRule.
type topicRule struct {
	match event.Patterns
	// users are the topics of all users, nil if the pattern has no $user.
	users              *userTopics
	subscribe, publish audience
}

// userTopics are the topics that a pattern with $user may cover, whoever the user is: what stands ahead of his name and behind it.
type userTopics struct {
	before, behind string
	// open says that anything may follow.
	open bool
}

// audience is who may do something.
type audience struct {
	everyone, users, owner bool
	names                  []string
}

func newTopicRules(rules []TopicRule) (*topicRules, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	compiled := &topicRules{types: map[string]bool{}}
	for i, r := range rules {
		c, err := r.compile()
		if err != nil {
			return nil, fmt.Errorf("fanout: Config.TopicRules: rule %d: %w", i+1, err)
		}
		compiled.rules = append(compiled.rules, c)
		if colon := strings.IndexByte(r.Match, ':'); colon >= 0 && !c.subscribe.everyone {
			compiled.coverIDs(beforeUser(r.Match[:colon+1]))
		}
	}
	compiled.index = newRuleIndex(rules)
	return compiled, nil
}

// coverIDs takes down that ids have rules about subscriptions: text is how their topics begin, with the colon if that is all of the type.
func (t *topicRules) coverIDs(text string) {
	if whole, isWhole := strings.CutSuffix(text, ":"); isWhole {
		t.types[whole] = true
	} else if !slices.Contains(t.beginnings, text) {
		t.beginnings = append(t.beginnings, text)
	}
}

// beforeUser is the part of a pattern's text ahead of $user, as it stands in topics.
func beforeUser(text string) string {
	var plain strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '$' {
			if i+1 == len(text) || text[i+1] != '$' {
				break
			}
			i++
		}
		plain.WriteByte(text[i])
	}
	return plain.String()
}

func (r TopicRule) compile() (c topicRule, err error) {
	if r.Match == "" {
		return c, fmt.Errorf("Match is empty: want a pattern such as price, price:* or inbox:$user")
	}
	if c.match, err = event.ParsePatterns([]string{r.Match}); err != nil {
		return c, err
	}
	c.users = newUserTopics(r.Match)
	if c.subscribe, err = c.newAudience(r.Subscribe); err != nil {
		return c, fmt.Errorf("%q: Subscribe: %w", r.Match, err)
	}
	if c.publish, err = c.newAudience(r.Publish); err != nil {
		return c, fmt.Errorf("%q: Publish: %w", r.Match, err)
	}
	return c, nil
}

// newUserTopics is for patterns that have been found well-formed.
func newUserTopics(pattern string) *userTopics {
	var texts []string
	for rest := pattern; ; {
		text := beforeUser(rest)
		texts = append(texts, text)
		at := len(strings.ReplaceAll(text, "$", "$$"))
		if at >= len(rest) {
			break
		}
		rest = rest[at+len("$user"):]
	}
	if len(texts) == 1 {
		return nil
	}
	behind, open := strings.CutSuffix(texts[len(texts)-1], "*")
	return &userTopics{before: texts[0], behind: behind, open: open}
}

// cover says whether the topic is one of some user.
func (u *userTopics) cover(topic []byte) bool {
	if len(topic) < len(u.before) || string(topic[:len(u.before)]) != u.before {
		return false
	}
	rest := topic[len(u.before):]
	if u.open {
		return bytes.Contains(rest, []byte(u.behind))
	}
	return len(rest) >= len(u.behind) && string(rest[len(rest)-len(u.behind):]) == u.behind
}

// covers says whether the rule holds for the topic, and whether that is the user's own.
func (r *topicRule) covers(topic []byte, user string) (holds, own bool) {
	matches := r.match.Match(topic, user)
	if r.users == nil {
		return matches, false
	}
	return matches || r.users.cover(topic), matches
}

func (r *topicRule) newAudience(words []string) (audience, error) {
	if words == nil {
		return audience{everyone: r.users == nil, owner: r.users != nil}, nil
	}
	if len(words) == 0 {
		return audience{}, fmt.Errorf("names nobody: want everyone, users, owner, nobody, or names of users")
	}
	for _, word := range words {
		isWord := word == everyone || word == anyUser || word == owner || word == nobody
		switch {
		case word == "":
			return audience{}, fmt.Errorf("the name of a user is empty")
		case isWord && len(words) > 1:
			return audience{}, fmt.Errorf("%q stands for itself: leave out what is beside it", word)
		}
	}
	switch words[0] {
	case everyone:
		return audience{everyone: true}, nil
	case anyUser:
		return audience{users: true}, nil
	case owner:
		if r.users == nil {
			return audience{}, fmt.Errorf("the pattern has no $user, so its topics have no owner")
		}
		return audience{owner: true}, nil
	case nobody:
		return audience{}, nil
	}
	return audience{names: slices.Clone(words)}, nil
}

func (a *audience) has(user string, own bool) bool {
	return a.everyone || a.owner && own || a.users && user != "" || user != "" && slices.Contains(a.names, user)
}

// letPublish reports whether the rules, nil if there are none, let the user publish to the topic.
func (t *topicRules) letPublish(topic []byte, user string) bool {
	if t == nil {
		return true
	}
	rule, own := t.find(topic, user)
	return rule == nil || rule.publish.has(user, own)
}

// letSubscribe reports whether they let the user subscribe to it.
func (t *topicRules) letSubscribe(topic []byte, user string) bool {
	if t == nil {
		return true
	}
	if rule, own := t.find(topic, user); rule != nil {
		return rule.subscribe.has(user, own)
	}
	return !t.hasRulesOfIDs(topic)
}

// hasRulesOfIDs reports whether topic is a type whose ids have rules about subscriptions.
func (t *topicRules) hasRulesOfIDs(topic []byte) bool {
	if bytes.IndexByte(topic, ':') >= 0 {
		return false
	}
	return t.types[string(topic)] || slices.ContainsFunc(t.beginnings, func(text string) bool {
		return len(topic) >= len(text) && string(topic[:len(text)]) == text
	})
}
