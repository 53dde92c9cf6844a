package fanout_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/spokehub/spokehub/fanout"
)

func TestNewTopicRulesTakeAwayWhatTheyForbidFromAllSpokes(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine fanout.Engine) {
		cfg := fanout.Config{Engine: engine, MaxTopics: 10_000}
		cfg.TopicRules = []fanout.TopicRule{{Match: "server", Subscribe: []string{"nobody"}}, {Match: "a:*"}}
		h := newTestHub(t, cfg)
		var many []string
		for i := range 3000 {
			many = append(many, fmt.Sprintf("a:%d", i), fmt.Sprintf("b:%d", i))
		}
		lost := make(map[*client]int)
		spokes := make(map[*client]*fanout.Spoke)
		for _, topics := range [][]string{{"b"}, many, {"a", "b:1"}} {
			c, spoke := h.join()
			c.subscribe(topics...)
			if err := spoke.Subscribe("server"); err != nil {
				t.Fatal(err)
			}
			spokes[c] = spoke
			for _, topic := range topics {
				if topic[0] == 'b' {
					lost[c]++
				}
			}
		}
		cfg.TopicRules = append(cfg.TopicRules, fanout.TopicRule{Match: "b*", Subscribe: []string{"nobody"}})
		if _, err := h.hub.Reconfigure(cfg); err != nil {
			t.Fatal(err)
		}
		for c, n := range lost {
			for range n {
				message := c.message()
				if typeOf(message) != "__reject" {
					t.Fatalf("got %s, want a reject", message)
				}
			}
			for _, topic := range spokes[c].Subscriptions() {
				if topic[0] == 'b' {
					t.Errorf("got the spoke still subscribed to %s", topic)
				}
			}
			expect(t, "subscribed by the server", slices.Contains(spokes[c].Subscriptions(), "server"), true)
		}
		expect(t, "forbidden", h.hub.Stats().TopicsForbidden, 3002)
	})
}
