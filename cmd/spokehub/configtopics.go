package main

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/spokehub/spokehub/fanout"
)

// topicKeys are the keys of an entry of topics.
var topicKeys = []string{"match", "subscribe", "publish"}

// readTopics reads the list of topic rules and checks each by itself, so that an error has its line.
func (f *configFile) readTopics(node *yaml.Node) {
	list := behindAlias(node)
	if list.Kind != yaml.SequenceNode {
		f.fail(node.Line, "topics: want a list of rules, each with match and with subscribe, publish or both, and got %s", kindOf(list))
		return
	}
	for _, entry := range list.Content {
		failed := len(f.mistakes)
		rule := f.readTopic(entry)
		if len(f.mistakes) > failed {
			continue
		}
		if err := (fanout.Config{TopicRules: []fanout.TopicRule{rule}}).Check(); err != nil {
			text := strings.TrimPrefix(err.Error(), "fanout: Config.TopicRules: rule 1: ")
			f.fail(entry.Line, "topics: %s", strings.NewReplacer("Match", "match", "Subscribe", "subscribe", "Publish", "publish").Replace(text))
			continue
		}
		f.topics = append(f.topics, rule)
	}
}

func (f *configFile) readTopic(entry *yaml.Node) (rule fanout.TopicRule) {
	f.readMapping(entry, "match: price", func(key string, at, value *yaml.Node) {
		switch key {
		case "match":
			value = behindAlias(value)
			if value.Kind != yaml.ScalarNode || value.Value == "" {
				f.fail(at.Line, "topics: match: want one pattern, such as price, price:* or inbox:$user, and got %s", kindOf(value))
			}
			rule.Match = value.Value
		case "subscribe":
			rule.Subscribe = f.readAudience(key, at, value)
		case "publish":
			rule.Publish = f.readAudience(key, at, value)
		default:
			f.fail(at.Line, "topics: %s", noSuchKey(key, topicKeys))
		}
	})
	return rule
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
