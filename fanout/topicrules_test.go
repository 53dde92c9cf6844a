package fanout

import (
	"slices"
	"strings"
	"testing"

	"github.com/spokehub/spokehub/event"
)

func rulesOf(t *testing.T, rules ...TopicRule) *Hub {
	t.Helper()
	compiled, err := newTopicRules(rules)
	if err != nil {
		t.Fatal(err)
	}
	h := &Hub{}
	h.shared.rules.Store(compiled)
	return h
}

func spokeOf(user string) *Spoke {
	s := &Spoke{}
	s.setIdentity(Identity{User: user})
	return s
}

func TestFirstTopicRuleThatCoversHolds(t *testing.T) {
	h := rulesOf(t,
		TopicRule{Match: "price", Publish: []string{"feed"}},
		TopicRule{Match: "price:*", Publish: []string{"feed", "backup"}, Subscribe: []string{"users"}},
		TopicRule{Match: "inbox:open", Subscribe: []string{"everyone"}},
		TopicRule{Match: "inbox:*", Subscribe: []string{"ada"}, Publish: []string{"users"}},
		TopicRule{Match: "a$$b:1", Subscribe: []string{"nobody"}},
		TopicRule{Match: "mail:$user", Publish: []string{"users"}},
		TopicRule{Match: "c$$d:$user:*"},
		TopicRule{Match: "audit*", Subscribe: []string{"nobody"}, Publish: []string{"nobody"}},
	)
	for name, c := range map[string]struct {
		user, topic        string
		subscribe, publish bool
	}{
		"a rule that restricts one only":           {"", "price", true, false},
		"its user":                                 {"feed", "price", true, true},
		"another user":                             {"backup", "price", true, false},
		"a prefix for somebody without a name":     {"", "price:EURUSD", false, false},
		"a prefix for a user":                      {"ada", "price:EURUSD", true, false},
		"a prefix for a user by name":              {"backup", "price:EURUSD", true, true},
		"an exception ahead of a prefix":           {"", "inbox:open", true, true},
		"a name in a list":                         {"ada", "inbox:7", true, true},
		"a name that is not in the list":           {"bob", "inbox:7", false, true},
		"a type whose ids have rules":              {"ada", "inbox", false, true},
		"a type whose ids have rules, with dollar": {"ada", "a$b", false, true},
		"what begins like such a type":             {"ada", "inboxes", true, true},
		"a user's own topic":                       {"ada", "mail:ada", true, true},
		"a topic of another user":                  {"ada", "mail:bob", false, true},
		"a user's topic, for nobody in particular": {"", "mail:ada", false, false},
		"a type of users' topics":                  {"ada", "mail", false, true},
		"a user's topics":                          {"ada", "c$d:ada:1", true, true},
		"topics of another user":                   {"ada", "c$d:bob:1", false, false},
		"what is no user's topic":                  {"ada", "c$d:bob", true, true},
		"nobody":                                   {"ada", "audit.login:3", false, false},
		"a topic without a rule":                   {"", "news:1", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := spokeOf(c.user)
			who := &Identity{User: c.user}
			if got := h.maySubscribe(who, []byte(c.topic)); got != c.subscribe {
				t.Errorf("subscribe to %s: got %v, want %v", c.topic, got, c.subscribe)
			}
			kind, id, _ := strings.Cut(c.topic, ":")
			l := &loop{hub: h}
			l.scratch.view = event.View{Type: []byte(kind), ID: []byte(id)}
			if got := l.mayPublish(s); got != c.publish {
				t.Errorf("publish to %s: got %v, want %v", c.topic, got, c.publish)
			}
			if n := testing.AllocsPerRun(1000, func() { l.mayPublish(s); h.maySubscribe(who, l.scratch.view.Type) }); n != 0 {
				t.Errorf("got %v allocations, want none", n)
			}
		})
	}
}

func TestARuleWithTheUserInTheTypeHoldsForTypesAndItsOwnTopics(t *testing.T) {
	h := rulesOf(t, TopicRule{Match: "t$user:inbox"})
	for topic, want := range map[string]bool{"tada:inbox": true, "tbob:inbox": false, "tbob": false, "tada": false, "trade:1": true, "news": true} {
		if got := h.maySubscribe(&Identity{User: "ada"}, []byte(topic)); got != want {
			t.Errorf("ada subscribes to %s: got %v, want %v", topic, got, want)
		}
	}
}

func TestTopicRulesThatMakeNoSenseAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		rule TopicRule
		says string
	}{
		"no pattern":                  {TopicRule{}, "Match is empty"},
		"a bad pattern":               {TopicRule{Match: "a*b"}, "a*b"},
		"a variable almost right":     {TopicRule{Match: "inbox:$usr"}, "$usr is not known"},
		"a variable in capitals":      {TopicRule{Match: "inbox:$USER"}, "$USER is not known"},
		"a dollar at the end":         {TopicRule{Match: "cost:5$"}, "cost:5$"},
		"three dollars at the end":    {TopicRule{Match: "cost:$$$"}, "cost:$$$"},
		"a variable that is a number": {TopicRule{Match: "t:$1:*"}, "$1 is not known"},
		"a dollar alone":              {TopicRule{Match: "$"}, "pattern"},
		"an owner of what has none":   {TopicRule{Match: "a:*", Publish: []string{"owner"}}, "no $user"},
		"an empty list":               {TopicRule{Match: "a", Subscribe: []string{}}, "Subscribe"},
		"an empty name":               {TopicRule{Match: "a", Publish: []string{""}}, "Publish"},
		"a word with names beside it": {TopicRule{Match: "a", Publish: []string{"ada", "nobody"}}, "nobody"},
	} {
		err := Config{TopicRules: []TopicRule{{Match: "fine"}, c.rule}}.Check()
		if err == nil || !strings.Contains(err.Error(), "Config.TopicRules: rule 2") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want an error that names the field, the second rule and %s", name, err, c.says)
		}
	}
}

func TestReconfigureTakesOverAllOrNothing(t *testing.T) {
	h, err := New(Config{Reactors: 1, Origins: []string{"https://a.example"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Shutdown(t.Context()) })
	rules, policy := h.shared.rules.Load(), h.cfg.onPath.Load()
	if _, err := h.Reconfigure(Config{Reactors: 1, TopicRules: []TopicRule{{Match: "a"}}, Origins: []string{"b.example"}}); err == nil || !strings.Contains(err.Error(), "Config.Origins") {
		t.Errorf("got %v, want an error that names Config.Origins", err)
	}
	if h.shared.rules.Load() != rules || h.cfg.onPath.Load() != policy {
		t.Error("got another configuration after an error, want the old one")
	}
	restart, err := h.Reconfigure(Config{Reactors: 2, QueueLimit: 4096, MaxConnections: 7, MaxTopics: 5, MaxEventsPerSecond: 9, TopicRules: []TopicRule{{Match: "a", Subscribe: []string{"nobody"}}}})
	if err != nil || !slices.Equal(restart, []string{"QueueLimit", "MaxEventsPerSecond", "Reactors"}) {
		t.Errorf("got %q and %v, want QueueLimit, MaxEventsPerSecond and Reactors to need a new hub", restart, err)
	}
	if h.maySubscribe(nil, []byte("a")) || h.cfg.onPath.Load() == policy || h.admission.maxConnections.Load() != 7 || h.maxTopics() != 5 {
		t.Error("got the old configuration, want the new one")
	}
}

func TestReconfigureChangesRatesWhereThereAreSome(t *testing.T) {
	h, err := New(Config{Reactors: 1, MaxBytesPerSecond: 1000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Shutdown(t.Context()) })
	restart, err := h.Reconfigure(Config{Reactors: 1, MaxEventsPerSecond: 9})
	if err != nil || len(restart) > 0 {
		t.Errorf("got %q and %v, want nothing that needs a new hub", restart, err)
	}
	if got := h.cfg.rates.Load(); got.frames.perSecond != 9 || got.bytes.perSecond != 0 {
		t.Errorf("got %+v, want nine frames a second and no limit of bytes", got)
	}
}
