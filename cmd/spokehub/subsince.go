package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spokehub/spokehub/event"
)

// sincePositions reads the values of --since: EPOCH:OFFSET for all topics, which then are of one type, or TOPIC=EPOCH:OFFSET.
func sincePositions(values, topics []string) (map[string]event.Position, error) {
	since := map[string]event.Position{}
	for _, value := range values {
		topic, text, isForOne := cutLast(value, '=')
		if !isForOne {
			topic, text = "", value
		}
		position, err := event.ParsePosition(text)
		if err != nil {
			return nil, fmt.Errorf("--since: %w", err)
		}
		of := []string{topic}
		if !isForOne {
			of = topics
			if one, another := typeOf(topics[0]), slices.IndexFunc(topics, func(t string) bool { return typeOf(t) != typeOf(topics[0]) }); another >= 0 {
				return nil, fmt.Errorf("--since: %q is a position in one stream, and %s and %s are two: write --since %s=%s", value, one, typeOf(topics[another]), topics[0], value)
			}
		}
		for _, topic := range of {
			switch _, isTwice := since[topic]; {
			case !slices.Contains(topics, topic):
				return nil, fmt.Errorf("--since: %q is none of the topics, which are %s", topic, strings.Join(topics, ", "))
			case isTwice:
				return nil, fmt.Errorf("--since: %q has two positions", topic)
			}
			since[topic] = position
		}
	}
	return since, nil
}

// cutLast cuts a text at the last one of a byte.
func cutLast(text string, at byte) (before, behind string, found bool) {
	i := strings.LastIndexByte(text, at)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}

func typeOf(topic string) string {
	typ, _, _ := strings.Cut(topic, ":")
	return typ
}

// sinceFlags is the part of a command line that goes on from positions of topics.
func sinceFlags(topics []string, at map[string]event.Position) string {
	var flags []string
	for _, topic := range topics {
		position, isKnown := at[topic]
		switch {
		case !isKnown:
		case len(topics) == 1:
			return "--since " + position.String()
		default:
			flags = append(flags, "--since "+inShell(topic+"="+position.String()))
		}
	}
	return strings.Join(flags, " ")
}

// plainWord is what a shell takes as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_.,:=@%+/-]+$`)

// inShell quotes a word for a shell where that is needed.
func inShell(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
