package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// idlePolicies are warnings about policies that do less than they say: a history without room for the longest events, one that the
// memory budget has no room for, one too short for the keys of publishers, presence where nobody is known, and rules for a type that leave out its ids.
func (f serveFlags) idlePolicies() (found []contradiction) {
	warn := func(format string, arguments ...any) {
		found = append(found, contradiction{oneLine(fmt.Sprintf(format, arguments...)), nil})
	}
	policies := f.policies()
	for _, p := range policies {
		size := byteSize(p.History.Bytes)
		if size == 0 {
			size = stream.DefaultBytes
		}
		switch {
		case p.History.IsZero():
		case size < f.MaxEvent+f.MaxEvent/4:
			warn("topics: the history of %q has %v, too little for an event of --max-event, which is %v, and what the hub needs for it besides: those that do not fit are sent and not kept", p.Match, size, f.MaxEvent)
		case f.MemoryBudget > 0 && size > f.MemoryBudget/2:
			warn("topics: the history of %q may take %v, and all streams together get half of --memory-budget, which is %v", p.Match, size, f.MemoryBudget)
		}
	}
	for _, p := range policies {
		if age := p.History.Age; f.isOnNATS() && age > 0 && age < keysRemembered {
			warn("topics: the history of %q has an age of %v, and NATS remembers an Idempotency-Key no longer than that: repeats that come later, up to five minutes, are published again", p.Match, age)
		}
	}
	hasPresence := slices.ContainsFunc(policies, func(p stream.Policy) bool { return p.Presence })
	if hasPresence && !f.hasKeys() && !f.hasCertificates() {
		warn("topics: presence tells who is there, and without --jwt-key, --jwks or --tls-client-ca the hub knows of no client who it is: it refuses those that ask (unavailable)")
	}
	for _, p := range f.Policies {
		if text := strings.ReplaceAll(p.Match, "$", "$$"); f.isRuledWithoutIDs(text) {
			warn("topics: the rule for %q is about the topic %q alone, and its policy about all ids of the type: write a rule for %q too, or nobody restricts those topics", text, text, text+":*")
		}
	}
	return found
}

// keysRemembered is how long a stream remembers the keys of events, unless the broker keeps it from that.
const keysRemembered = 5 * time.Minute

// isRuledWithoutIDs says that the rules restrict who may have a type and say nothing of its ids.
func (f serveFlags) isRuledWithoutIDs(typ string) bool {
	isRestricted := func(rule fanout.TopicRule) bool {
		return rule.Match == typ && (slices.ContainsFunc([][]string{rule.Subscribe, rule.Publish}, func(words []string) bool {
			return words != nil && !slices.Equal(words, []string{"everyone"})
		}))
	}
	isForIDs := func(rule fanout.TopicRule) bool {
		text, isOpen := strings.CutSuffix(rule.Match, "*")
		return strings.HasPrefix(text, typ+":") || isOpen && strings.HasPrefix(typ+":", text)
	}
	return slices.ContainsFunc(f.TopicRules, isRestricted) && !slices.ContainsFunc(f.TopicRules, isForIDs)
}
