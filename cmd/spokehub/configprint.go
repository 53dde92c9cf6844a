package main

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/spokehub/spokehub/stream"
)

// printTopics writes the key topics: its rules, and behind them its policies.
func (s *settings) printTopics(out io.Writer) {
	if len(s.flags.TopicRules)+len(s.flags.Policies) == 0 {
		return
	}
	fmt.Fprintf(out, "topics: # %s\n", s.sources.of(topicsKey))
	for _, rule := range s.flags.TopicRules {
		fmt.Fprintf(out, "  - match: %s\n", inYAML(reflect.ValueOf(rule.Match)))
		if rule.Subscribe != nil {
			fmt.Fprintf(out, "    subscribe: %s\n", audienceInYAML(rule.Subscribe))
		}
		if rule.Publish != nil {
			fmt.Fprintf(out, "    publish: %s\n", audienceInYAML(rule.Publish))
		}
	}
	for _, policy := range s.flags.Policies {
		printPolicy(out, policy)
	}
}

// audienceInYAML writes one word as such, and names as a list.
func audienceInYAML(words []string) string {
	if len(words) == 1 && slices.Contains(audienceWords, words[0]) {
		return words[0]
	}
	return inYAML(reflect.ValueOf(words))
}

// printPolicy writes an entry of topics. It always has behind, without which an entry with defaults alone would be a rule.
func printPolicy(out io.Writer, p stream.Policy) {
	fmt.Fprintf(out, "  - match: %s\n", inYAML(reflect.ValueOf(strings.ReplaceAll(p.Match, "$", "$$"))))
	if h := p.History; !h.IsZero() {
		var members []string
		if h.Events > 0 {
			members = append(members, fmt.Sprintf("events: %d", h.Events))
		}
		if h.Bytes > 0 {
			members = append(members, fmt.Sprintf("bytes: %v", byteSize(h.Bytes)))
		}
		if h.Age > 0 {
			members = append(members, fmt.Sprintf("age: %v", h.Age))
		}
		if h.LatestPerID {
			members = append(members, "latest_per_id: true")
		}
		fmt.Fprintf(out, "    history: {%s}\n", strings.Join(members, ", "))
	}
	fmt.Fprintf(out, "    behind: %v\n", p.Behind)
	if p.Presence {
		fmt.Fprintln(out, "    presence: true")
	}
	if p.Interest != stream.ByType {
		fmt.Fprintf(out, "    interest: %v\n", p.Interest)
	}
}
