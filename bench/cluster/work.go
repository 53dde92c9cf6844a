//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// fromOne publishes at the first node, fromSpread at all nodes in turn.
	fromOne    = "one"
	fromSpread = "spread"
)

// kind says how a work is measured.
type kind int

const (
	kindLoad kind = iota
	kindKill
	kindRolling
)

// work is something that is measured.
type work struct {
	name, title string
	kind        kind
	// firstTopic is 0 for the topic that all spokes have, 1 for rooms; topics is how many there are, rate the events a second.
	firstTopic int
	topics     func(settings) int
	rate       func(settings) float64
	// byID has hubs ask for rooms by their ids.
	byID bool
	// deliveries is how many spokes an event goes to.
	deliveries float64
}

// works are all that can be measured.
func works(s settings) []work {
	rooms := min(s.sizes.topics, s.spokes)
	return []work{
		{name: "everybody", title: "One topic that all spokes have", topics: func(settings) int { return 1 },
			rate: func(s settings) float64 { return s.rates.everybody }, deliveries: float64(s.spokes)},
		{name: "topics", title: "Many topics, each spoke in one", firstTopic: 1, topics: func(settings) int { return rooms },
			rate: func(s settings) float64 { return s.rates.topics }, deliveries: float64(s.spokes) / float64(rooms)},
		{name: "users", title: "A topic for each spoke, asked for by id", firstTopic: 1, topics: func(s settings) int { return s.spokes },
			rate: func(s settings) float64 { return s.rates.users }, byID: true, deliveries: 1},
		{name: "kill", title: "A node killed", kind: kindKill},
		{name: "rolling", title: "All nodes restarted, one after the other", kind: kindRolling},
	}
}

// turn is one measurement.
type turn struct {
	work work
	// Engine and Server name what is measured, From where events are published.
	Engine, Server, From string
}

// String names the turn.
func (t turn) String() string {
	if t.work.kind != kindLoad {
		return fmt.Sprintf("%s on %s: %s", t.work.name, t.Engine, t.Server)
	}
	return fmt.Sprintf("%s, published at %s, on %s: %s", t.work.name, t.From, t.Engine, t.Server)
}

// turns lists one round of everything, servers beside each other; run says which of them begins. The events of one topic come from one place, as their order
// is checked.
func (s settings) turns(run int) (all []turn) {
	for _, engine := range s.engines {
		for _, w := range works(s) {
			if !slices.Contains(s.works, w.name) {
				continue
			}
			from := s.from
			if w.kind != kindLoad || s.nodes == 1 || w.topics(s) == 1 {
				from = []string{fromOne}
			}
			for _, place := range from {
				for i := range s.servers {
					name := s.servers[(i+run)%len(s.servers)]
					if w.kind == kindLoad || name == serverHub && s.nodes > 1 {
						all = append(all, turn{w, engine, name, place})
					}
				}
			}
		}
	}
	return all
}

// names lists the names of all works.
func names() string {
	var all []string
	for _, w := range works(settings{sizes: sizes{topics: 1, spokes: 1}}) {
		all = append(all, w.name)
	}
	return strings.Join(all, ",")
}
