package main

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// topicKeys are the keys of an entry of topics.
var topicKeys = slices.Concat([]string{"match", "subscribe", "publish"}, policyKeys)

// topicEntry is an entry of topics.
type topicEntry struct {
	rule   fanout.TopicRule
	policy stream.Policy
	// isPolicy says that it has a key of a policy. isRule says that it says who may have topics: all entries do that are no policies.
	isPolicy bool
	isRule   bool
}

// readTopics reads the list of topic rules and policies and checks each by itself, so that an error has its line.
func (f *configFile) readTopics(node *yaml.Node) {
	list := behindAlias(node)
	if list.Kind != yaml.SequenceNode {
		f.fail(node.Line, "topics: want a list of entries, each with match and with subscribe, publish, history, behind, presence or interest, and got %s", kindOf(list))
		return
	}
	for _, node := range list.Content {
		failed := len(f.mistakes)
		entry := f.readTopic(node)
		if len(f.mistakes) > failed {
			continue
		}
		if entry.isRule {
			f.addRule(entry.rule, node.Line)
		}
		if entry.isPolicy && len(f.mistakes) == failed {
			f.addPolicy(entry.policy, entry.rule.Match, node.Line)
		}
	}
}

func (f *configFile) addRule(rule fanout.TopicRule, line int) {
	if err := (fanout.Config{TopicRules: []fanout.TopicRule{rule}}).Check(); err != nil {
		text := strings.TrimPrefix(err.Error(), "fanout: Config.TopicRules: rule 1: ")
		f.fail(line, "topics: %s", strings.NewReplacer("Match", "match", "Subscribe", "subscribe", "Publish", "publish").Replace(text))
		return
	}
	f.topics = append(f.topics, rule)
}

func (f *configFile) addPolicy(policy stream.Policy, pattern string, line int) {
	var err error
	if policy.Match, err = policyMatch(pattern); err == nil {
		err = policy.Check()
	}
	if err != nil {
		f.fail(line, "topics: %s", err)
		return
	}
	if len(f.policies) == maxPolicies {
		f.fail(line, "topics: more than %d entries have history, behind, presence or interest: give types of one policy names that begin alike, and write one entry for them, with * at its end", maxPolicies)
	}
	f.policies, f.policyLines = append(f.policies, policy), append(f.policyLines, line)
}

func (f *configFile) readTopic(node *yaml.Node) (entry topicEntry) {
	rule := &entry.rule
	f.readMapping(node, "match: price", func(key string, at, value *yaml.Node) {
		switch key {
		case "match":
			value = behindAlias(value)
			if value.Kind != yaml.ScalarNode || value.Value == "" {
				f.fail(at.Line, "topics: match: want one pattern, such as price, price:* or inbox:$user, and got %s", kindOf(value))
			}
			rule.Match = value.Value
		case "subscribe":
			rule.Subscribe = f.readAudience(key, at, value)
			entry.isRule = true
		case "publish":
			rule.Publish = f.readAudience(key, at, value)
			entry.isRule = true
		default:
			if !slices.Contains(policyKeys, key) {
				f.fail(at.Line, "topics: %s", noSuchKey(key, topicKeys))
				return
			}
			entry.isPolicy = true
			f.readPolicyKey(&entry.policy, key, at, value)
		}
	})
	entry.isRule = entry.isRule || !entry.isPolicy
	return entry
}

// audienceWords are the words that say who may have a topic without naming users.
var audienceWords = []string{"everyone", "users", "owner", "nobody"}

// readAudience is one word or a list of names.
func (f *configFile) readAudience(key string, at, value *yaml.Node) []string {
	const want = "want everyone, users, owner, nobody, or a list of names of users"
	value = behindAlias(value)
	items := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		items = value.Content
	}
	words := []string{}
	for _, item := range items {
		if !f.isAffordable(at) {
			return nil
		}
		item = behindAlias(item)
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			f.fail(at.Line, "topics: %s: %s, and got %s", key, want, kindOf(item))
			return nil
		}
		words = append(words, item.Value)
	}
	switch {
	case value.Kind == yaml.ScalarNode && words[0] == "":
		f.fail(at.Line, "topics: %s: %s, and got nothing", key, want)
	case value.Kind == yaml.ScalarNode && !slices.Contains(audienceWords, words[0]):
		f.fail(at.Line, "topics: %s: %s, and got %q: a name stands in a list, [%s]", key, want, words[0], words[0])
	}
	return words
}
