package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/stream"
)

// maxPolicies is how many policies a file may have: each of those that end with an asterisk costs every event of a type that no other has
// covered.
const maxPolicies = 1000

// policyKeys are the keys of an entry of topics that make it a policy, historyKeys those of its history.
var (
	policyKeys  = []string{"history", "behind", "presence", "interest"}
	historyKeys = []string{"events", "bytes", "age", "latest_per_id"}
)

// readPolicyKey reads one of policyKeys.
func (f *configFile) readPolicyKey(policy *stream.Policy, key string, at, value *yaml.Node) {
	name := "topics: " + key
	switch key {
	case "history":
		f.readHistory(&policy.History, at, value)
	case "behind":
		f.readText(name, "close, catch-up, latest or skip", at, value, policy.Behind.UnmarshalText)
	case "presence":
		f.readText(name, "true or false", at, value, into(&policy.Presence, parseTruth))
	case "interest":
		f.readText(name, "type, id or auto", at, value, policy.Interest.UnmarshalText)
	}
}

func (f *configFile) readHistory(history *stream.History, at, value *yaml.Node) {
	failed := len(f.mistakes)
	if got := behindAlias(value); got.Kind != yaml.MappingNode {
		f.fail(at.Line, "topics: history: want keys with values, such as {events: 1000}, and got %s", kindOf(got))
		return
	}
	f.readMapping(value, "events: 1000", func(key string, at, value *yaml.Node) {
		name := "topics: history: " + key
		switch key {
		case "events":
			f.readText(name, "a whole number", at, value, into(&history.Events, parseCount))
		case "bytes":
			var size byteSize
			f.readText(name, "a size such as 1MiB", at, value, size.UnmarshalText)
			history.Bytes = int64(size)
		case "age":
			f.readText(name, "a time such as 10m", at, value, into(&history.Age, parseTime))
		case "latest_per_id":
			f.readText(name, "true or false", at, value, into(&history.LatestPerID, parseTruth))
		default:
			f.fail(at.Line, "topics: history: %s", noSuchKeyOf(key, historyKeys))
		}
	})
	if len(f.mistakes) == failed && history.IsZero() {
		f.fail(at.Line, "topics: history: it would keep nothing: give it events, bytes, age or latest_per_id: true, or leave it out")
	}
}

// readText has a value that is one text parsed. want says what it may be.
func (f *configFile) readText(name, want string, at, value *yaml.Node, parse func(text []byte) error) {
	value = behindAlias(value)
	if value.Kind != yaml.ScalarNode || value.Tag == "!!null" {
		f.fail(at.Line, "%s: want %s, and got %s", name, want, kindOf(value))
		return
	}
	if err := parse([]byte(value.Value)); err != nil {
		f.fail(at.Line, "%s: %s", name, err)
	}
}

// into makes a function that keeps what another one has parsed.
func into[T any](target *T, parse func(text string) (T, error)) func([]byte) error {
	return func(text []byte) (err error) {
		*target, err = parse(string(text))
		return err
	}
}

func parseTruth(text string) (bool, error) {
	if text != "true" && text != "false" {
		return false, fmt.Errorf("want true or false, and got %q", text)
	}
	return text == "true", nil
}

func parseCount(text string) (int, error) {
	number, err := strconv.ParseInt(strings.TrimSpace(text), 10, 0)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number, or too large", text)
	}
	return int(number), nil
}

func parseTime(text string) (time.Duration, error) {
	length, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil {
		return 0, fmt.Errorf("%q is not a time, or too long: write it with a unit, such as 500ms, 10s, 1m30s or 24h", text)
	}
	return length, nil
}

// noSuchKeyOf says that a key is none of a few.
func noSuchKeyOf(key string, known []string) string {
	if name, _, isJoined := strings.Cut(key, ":"); isJoined && slices.Contains(known, name) {
		return fmt.Sprintf("%s: there is no such key: put a space behind the colon of %s", key, name)
	}
	if nearest(key, known) != "" {
		return noSuchKey(key, known)
	}
	return fmt.Sprintf("%s: there is no such key: there are %s", key, strings.Join(known, ", "))
}

// policyMatch is the match of an entry as a policy has it: a type, or how types begin. The patterns of rules can say more.
func policyMatch(pattern string) (match string, err error) {
	plain := strings.ReplaceAll(pattern, "$$", "")
	typ, _, hasID := strings.Cut(pattern, ":")
	switch {
	case pattern == "":
		return "", errors.New("match is empty: name a type, such as price, or how types begin, with * at the end")
	case hasID:
		typ = strings.TrimSuffix(typ, "*")
		return "", fmt.Errorf("match %q is fine for subscribe and publish alone: history, behind, presence and interest are for all ids of a type, so give them an entry of their own with match: %s", pattern, typ)
	case strings.Contains(plain, "$user"):
		return "", fmt.Errorf("match %q is fine for subscribe and publish alone: history, behind, presence and interest are for a type, whoever the user is, so give them an entry of their own without $user", pattern)
	}
	if _, err := event.ParsePatterns([]string{pattern}); err != nil {
		return "", err
	}
	match = strings.ReplaceAll(pattern, "$$", "$")
	return match, nil
}
