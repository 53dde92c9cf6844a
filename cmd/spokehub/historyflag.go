package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spokehub/spokehub/stream"
)

// historyFlag is a value of --history: TYPE=EVENTS.
type historyFlag string

// UnmarshalText checks a value and keeps it.
func (h *historyFlag) UnmarshalText(text []byte) error {
	if _, err := historyPolicy(string(text)); err != nil {
		return err
	}
	*h = historyFlag(text)
	return nil
}

// policy is what a value that has been checked asks for.
func (h historyFlag) policy() stream.Policy {
	policy, _ := historyPolicy(string(h))
	return policy
}

// historyPolicy is the policy that TYPE=EVENTS stands for. Clients that are behind catch up: who wants to try a stream wants to see that.
func historyPolicy(text string) (stream.Policy, error) {
	at := strings.LastIndexByte(text, '=')
	if at < 0 {
		return stream.Policy{}, fmt.Errorf("%q does not say how many events: write TYPE=EVENTS, as in price=1000", text)
	}
	events, err := strconv.Atoi(text[at+1:])
	if err != nil || events <= 0 {
		return stream.Policy{}, fmt.Errorf("%q: want a whole number of events behind the =, 1 or more, as in price=1000", text)
	}
	if strings.ContainsAny(text[:at], "= ") {
		return stream.Policy{}, fmt.Errorf("%q: want one TYPE=EVENTS, as in price=1000: put a comma between two, or repeat the flag; a type with a space or = in its name needs an entry of topics in the file", text)
	}
	policy := stream.Policy{Match: text[:at], History: stream.History{Events: events}, Behind: stream.CatchUp}
	if err := policy.Check(); err != nil {
		return stream.Policy{}, fmt.Errorf("%q: %w", text, err)
	}
	return policy, nil
}
