//go:build faults && linux

package simulation

import (
	"math/rand/v2"

	"github.com/spokehub/spokehub/fanout"
)

// ruleSet is some topic rules: for the hub, and in the model's own words.
type ruleSet struct {
	rules     []fanout.TopicRule
	subscribe func(topic, user string) bool
	publish   func(topic, user string) bool
}

var ruleSets = []ruleSet{
	{nil, anything, anything},
	{[]fanout.TopicRule{{Match: "a:$user"}, {Match: "b", Publish: []string{"nobody"}}},
		func(topic, user string) bool {
			return topic != "a" && (topic != "a:1" && topic != "a:2" || ownID(topic, "a", user))
		},
		func(topic, user string) bool {
			return topic != "b" && (topic != "a:1" && topic != "a:2" || ownID(topic, "a", user))
		}},
	{[]fanout.TopicRule{{Match: "b", Subscribe: []string{"users"}}, {Match: "b:1", Subscribe: []string{"2", "3"}, Publish: []string{"1"}},
		{Match: "c:*", Publish: []string{"users"}}},
		func(topic, user string) bool {
			return topic != "b" && topic != "b:1" || topic == "b" && user != "" || topic == "b:1" && (user == "2" || user == "3")
		},
		func(topic, user string) bool {
			return topic != "b:1" && topic != "c:1" && topic != "c:2" || topic == "b:1" && user == "1" || topic != "b:1" && user != ""
		}},
	{[]fanout.TopicRule{{Match: "c:1", Subscribe: []string{"nobody"}}, {Match: "a*", Publish: []string{"users"}}},
		func(topic, _ string) bool { return topic != "c" && topic != "c:1" },
		func(topic, user string) bool { return topic != "a" && topic != "a:1" && topic != "a:2" || user != "" }},
}

// rules are those that hold now.
func (s *sim) rules() *ruleSet { return &ruleSets[s.ruleSet] }

// reconfigure has other topic rules hold, after all that clients have sent before, or the same: that changes nothing.
func (s *sim) reconfigure(_ *client, r *rand.Rand) {
	if !s.traits.rules {
		return
	}
	if oneIn(r, 2) {
		s.logf("  the same")
		s.takeRules()
		return
	}
	for _, c := range s.clients {
		c.stalled = false
		c.socket.allowed = unlimited
	}
	s.barrier()
	before := s.rules()
	s.ruleSet = r.IntN(len(ruleSets))
	s.logf("  rules %d", s.ruleSet)
	s.takeRules()
	for _, c := range s.clients {
		if c.spoke != nil {
			c.drop(c.controls+1, func(topic string) bool {
				return before.subscribe(topic, c.user) && !s.rules().subscribe(topic, c.user)
			})()
		}
	}
	s.barrier()
}

func (s *sim) takeRules() {
	cfg := s.traits.config()
	cfg.TopicRules = s.rules().rules
	if _, err := s.hub.Reconfigure(cfg); err != nil {
		s.fail("reconfigure: %v", err)
	}
}
