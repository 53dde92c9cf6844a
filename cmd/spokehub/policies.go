package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spokehub/spokehub/stream"
)

const (
	// policiesKey is how a reload names what the key topics says of streams and presence, for which it takes a restart.
	policiesKey = "policies of topics"
	// maxPolicyMistakes is of how many policies that can't stand behind others one is told.
	maxPolicyMistakes = 10
)

// policies are those of --history, and behind them those of the file.
func (f serveFlags) policies() []stream.Policy {
	var list []stream.Policy
	for _, history := range f.History {
		list = append(list, history.policy())
	}
	return append(list, f.Policies...)
}

// checkPolicies names the policies that contradict others, or that can never hold, with where each of the two stands.
func (s *settings) checkPolicies() (mistakes []error) {
	list := s.flags.policies()
	places := make([]int, len(list))
	for i := range places {
		places[i] = i
	}
	for range maxPolicyMistakes {
		_, err := stream.NewPolicies(list)
		var wrong *stream.PolicyError
		if !errors.As(err, &wrong) {
			return mistakes
		}
		text := "topics: " + wrong.Err.Error()
		if wrong.Earlier >= 0 {
			text += fmt.Sprintf(" (the one for %q: %s)", list[wrong.Earlier].Match, s.placeOfPolicy(places[wrong.Earlier]))
		}
		mistakes = append(mistakes, s.policyMistake(places[wrong.Index], text))
		list, places = slices.Delete(list, wrong.Index, wrong.Index+1), slices.Delete(places, wrong.Index, wrong.Index+1)
	}
	return mistakes
}

// policyMistake is an error about the policy at a place in the list.
func (s *settings) policyMistake(place int, text string) error {
	if place < len(s.flags.History) {
		return fmt.Errorf("--history: %q: %s", s.flags.History[place], text)
	}
	return fileMistake{s.sources.file.name, s.sources.file.policyLines[place-len(s.flags.History)], oneLine(text)}
}

// placeOfPolicy says where the policy at a place in the list stands.
func (s *settings) placeOfPolicy(place int) string {
	if place < len(s.flags.History) {
		return fmt.Sprintf("--history %s", s.flags.History[place])
	}
	return fmt.Sprintf("%s:%d", s.sources.file.name, s.sources.file.policyLines[place-len(s.flags.History)])
}
