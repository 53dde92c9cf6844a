package fanout_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spokehub/spokehub/broker/inproc"
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/fanout"
	"github.com/spokehub/spokehub/stream"
)

// TestATopicOfAStreamIsNotSubscribedToBeforeTheBrokerWasAskedForIt has topics become possible that were not when the broker was asked for what others need.
func TestATopicOfAStreamIsNotSubscribedToBeforeTheBrokerWasAskedForIt(t *testing.T) {
	type rules = []fanout.TopicRule
	for name, c := range map[string]struct {
		topics    string
		maxTopics int
		rules     rules
		meanwhile func(cfg *fanout.Config, s *fanout.Spoke) error
		acks      int
	}{
		"behind one that is named twice": {`"a","a","b"`, 3, nil, nil, 1},
		"the limit is raised": {`"a","b"`, 2, nil, func(cfg *fanout.Config, _ *fanout.Spoke) error {
			cfg.MaxTopics = 3
			return nil
		}, 2},
		"a rule allows it": {`"a","b"`, 3, rules{{Match: "b", Subscribe: []string{"nobody"}}}, func(cfg *fanout.Config, _ *fanout.Spoke) error {
			cfg.TopicRules = rules{{Match: "b", Subscribe: []string{"everyone"}}}
			return nil
		}, 2},
		"another topic is gone": {`"a","b"`, 2, nil, func(_ *fanout.Config, s *fanout.Spoke) error { return s.Unsubscribe("had") }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := inproc.New()
				cfg := fanout.Config{Reactors: 1, MaxTopics: c.maxTopics, TopicRules: c.rules,
					Policies: []stream.Policy{{Match: "a", History: stream.History{Events: 100}}, {Match: "b", History: stream.History{Events: 100}}}}
				h, engine, _ := member(t, network, cfg)
				other, _, _ := member(t, network, fanout.Config{Policies: cfg.Policies})
				var last event.Position
				for i := range 3 {
					got, err := other.Publish(context.Background(), eventOf("b", "", i))
					if err != nil {
						t.Fatal(err)
					}
					last = got.Position
				}
				client, spoke := piped(t, h)
				client.subscribe("had")
				engine.SetFaults(inproc.Faults{Delay: time.Second})
				client.text(`{"type":"__subscribe","id":"1","payload":{"topics":[` + c.topics + `]}}`)
				synctest.Wait()
				if c.meanwhile != nil {
					cfg.Broker = engine
					if err := c.meanwhile(&cfg, spoke); err != nil {
						t.Fatal(err)
					}
					if _, err := h.Reconfigure(cfg); err != nil {
						t.Fatal(err)
					}
				}
				acks, topics := 0, []string(nil)
				positions := map[string]event.AckPosition{}
				for !slices.Contains(topics, "b") {
					ack := client.ack()
					acks++
					topics = append(topics, ack.Topics...)
					for topic, at := range ack.Positions {
						positions[topic] = at
					}
				}
				expect(t, "acks", acks, c.acks)
				expect(t, "position", positions["b"].Position, last)
				engine.SetFaults(inproc.Faults{})
				if _, err := other.Publish(context.Background(), eventOf("b", "", 7)); err != nil {
					t.Fatal(err)
				}
				client.wants(`{"type":"b","id":"","payload":7,"offset":4}`)
			})
		})
	}
}
