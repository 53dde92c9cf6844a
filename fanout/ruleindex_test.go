package fanout

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestX1FindsTheRuleThatASearchFromTheFirstWould(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "b", "ab", ":", "a:b", "$user", "$$", "a:$user", ":a"}
	text := func(end string) string {
		for {
			made := ""
			for range 1 + random.IntN(3) {
				made += parts[random.IntN(len(parts))]
			}
			if _, err := newTopicRules([]TopicRule{{Match: made + end}}); err == nil {
				return made + end
			}
		}
	}
	users := []string{"", "a", "b", "ab"}
	for round := range 2000 {
		var rules []TopicRule
		for range 1 + random.IntN(12) {
			rules = append(rules, TopicRule{Match: text([]string{"", "", "*"}[random.IntN(3)])})
			if last := &rules[len(rules)-1]; round%2 == 0 {
				last.Subscribe, last.Publish = []string{"users"}, []string{"nobody"}
			}
		}
		rules = append(rules, TopicRule{Match: []string{"*", "zzz"}[random.IntN(2)]})
		compiled, err := newTopicRules(rules)
		if err != nil {
			continue
		}
		for range 20 {
			topic, user := []byte(beforeUser(text(""))+[]string{"", "a", "ab:b"}[random.IntN(3)]), users[random.IntN(len(users))]
			var want *topicRule
			wantOwn := false
			for i := range compiled.rules {
				if holds, own := compiled.rules[i].covers(topic, user); holds {
					want, wantOwn = &compiled.rules[i], own
					break
				}
			}
			if got, own := compiled.find(topic, user); got != want || own != wantOwn {
				t.Fatalf("%q by %q of %v: got %p, %v, want %p, %v", topic, user, rules, got, own, want, wantOwn)
			}
		}
	}
}

func TestTopicRulesAreAskedWithoutAllocation(t *testing.T) {
	compiled, err := newTopicRules([]TopicRule{{Match: "a:*"}, {Match: "inbox:$user"}, {Match: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	topic := []byte("inbox:ada")
	if got := testing.AllocsPerRun(100, func() { compiled.letPublish(topic, "ada"); compiled.letSubscribe(topic, "eve") }); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

// manyRules has rules of every kind, none of which but the last covers a topic of chat.
func manyRules(b *testing.B, n int) *topicRules {
	b.Helper()
	var rules []TopicRule
	for i := range n {
		rules = append(rules, []TopicRule{
			{Match: fmt.Sprintf("price:s%d", i), Publish: []string{"feed"}},
			{Match: fmt.Sprintf("room%d:*", i), Subscribe: []string{"users"}},
			{Match: fmt.Sprintf("inbox%d:$user", i)},
		}[i%3])
	}
	compiled, err := newTopicRules(append(rules, TopicRule{Match: "chat:*", Publish: []string{"ada"}}))
	if err != nil {
		b.Fatal(err)
	}
	return compiled
}

func BenchmarkTopicRules(b *testing.B) {
	topic := []byte("chat:lobby")
	for _, n := range []int{0, 10, 100, 10_000} {
		rules := manyRules(b, n)
		for name, ask := range map[string]func([]byte, string) bool{"publish": rules.letPublish, "subscribe": rules.letSubscribe} {
			b.Run(fmt.Sprintf("%s/rules=%d", name, n+1), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					ask(topic, "ada")
				}
			})
		}
	}
}
