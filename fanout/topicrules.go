package fanout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spokehub/spokehub/event"
)

// TopicRule says who may have the topics that its pattern covers. The first rule that covers a topic holds for it; a topic that no
// rule covers is open to all. The permissions of an identity hold besides: both have to allow.
//
// Who subscribes to a type also gets the events of all its ids. So where a rule for ids ("inbox:$user") restricts who may subscribe
// and no rule covers the type itself ("inbox"), nobody may subscribe to the type.
type TopicRule struct {
	// Match is a pattern as event.ParsePatterns has it.
	Match string
	// Subscribe says who may subscribe: everyone, users (spokes whose identity has a user) or nobody, as one word, or the names of
	// users. Nil means everyone.
	Subscribe []string
	// Publish says the same of events, whose topic is their type and id, or their type if they have no id. It holds for events of
	// spokes, not for those that the embedder dispatches.
	Publish []string
}

// The words of TopicRule.Subscribe and Publish.
const (
	everyone = "everyone"
	anyUser  = "users"
	nobody   = "nobody"
)

// topicRules are the compiled rules of a hub. They never change.
type topicRules struct {
	rules []topicRule
	// ofIDs are how the types begin whose ids have rules about subscriptions, with a colon behind a whole type.
	ofIDs []string
}

// topicRule is a compiled TopicRule.
type topicRule struct {
	match              event.Patterns
	subscribe, publish audience
}

// audience is who may do something.
type audience struct {
	everyone, users bool
	names           []string
}

func newTopicRules(rules []TopicRule) (*topicRules, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	compiled := &topicRules{}
	for i, r := range rules {
		c, err := r.compile()
		if err != nil {
			return nil, fmt.Errorf("fanout: Config.TopicRules: rule %d: %w", i+1, err)
		}
		compiled.rules = append(compiled.rules, c)
		if colon := strings.IndexByte(r.Match, ':'); colon >= 0 && !c.subscribe.everyone {
			compiled.ofIDs = append(compiled.ofIDs, beforeUser(r.Match[:colon+1]))
		}
	}
	return compiled, nil
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
	if c.subscribe, err = newAudience(r.Subscribe); err != nil {
		return c, fmt.Errorf("%q: Subscribe: %w", r.Match, err)
	}
	if c.publish, err = newAudience(r.Publish); err != nil {
		return c, fmt.Errorf("%q: Publish: %w", r.Match, err)
	}
	return c, nil
}

func newAudience(words []string) (audience, error) {
	if words == nil {
		return audience{everyone: true}, nil
	}
	if len(words) == 0 {
		return audience{}, fmt.Errorf("names nobody: want everyone, users, nobody, or names of users")
	}
	for _, word := range words {
		isWord := word == everyone || word == anyUser || word == nobody
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
	case nobody:
		return audience{}, nil
	}
	return audience{names: slices.Clone(words)}, nil
}

func (a *audience) has(user string) bool {
	return a.everyone || a.users && user != "" || user != "" && slices.Contains(a.names, user)
}

// rulesLetSubscribe reports whether the rules let the spoke subscribe to the topic.
func (h *Hub) rulesLetSubscribe(s *Spoke, topic []byte) bool {
	rules := h.shared.rules.Load()
	return rules == nil || rules.letSubscribe(topic, s.Identity().User)
}

// rulesLetPublish reports whether the rules let the spoke publish the event in view.
func (h *Hub) rulesLetPublish(s *Spoke, v *event.View) bool {
	rules := h.shared.rules.Load()
	if rules == nil {
		return true
	}
	var topic [maxTopic]byte
	full := append(topic[:0], v.Type...)
	if len(v.ID) > 0 {
		full = append(append(full, ':'), v.ID...)
	}
	user := s.Identity().User
	for i := range rules.rules {
		if r := &rules.rules[i]; r.match.Match(full, user) {
			return r.publish.has(user)
		}
	}
	return true
}

func (t *topicRules) letSubscribe(topic []byte, user string) bool {
	for i := range t.rules {
		if r := &t.rules[i]; r.match.Match(topic, user) {
			return r.subscribe.has(user)
		}
	}
	return !t.hasRulesOfIDs(topic)
}

// hasRulesOfIDs reports whether topic is a type whose ids have rules about subscriptions.
func (t *topicRules) hasRulesOfIDs(topic []byte) bool {
	for _, text := range t.ofIDs {
		whole, isWhole := strings.CutSuffix(text, ":")
		if isWhole && string(topic) == whole || !isWhole && len(topic) >= len(text) && string(topic[:len(text)]) == text {
			return true
		}
	}
	return false
}
