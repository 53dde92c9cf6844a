//go:build linux

package load

import (
	"fmt"

	"github.com/spokehub/spokehub/bench/swarm"
)

// Case is a workload under the name by which it is known in tables.
type Case struct {
	// Label is short: saturate, one-in-flight.
	Label string
	// Workload is what is run.
	Workload Workload
}

// Name is the label and the workload's parameters.
func (c Case) Name() string { return c.Label + "/" + c.Workload.Name() }

// Sizes change the suite: zero means what the suite has by itself.
type Sizes struct {
	// Spokes replaces the number of spokes of every workload.
	Spokes int
	// Payload is the length of an envelope in bytes.
	Payload int
	// Window is how many messages are in flight where a workload keeps a window of more than one.
	Window int
	// Rate is events a second where a workload has a rate.
	Rate float64
	// Idle is how many spokes the idle workload has, Growth to how many the other grows.
	Idle, Growth int
}

// Fit bounds the sizes by what one process of a server may have open, and says so if that changes them.
func (z Sizes) Fit(limit swarm.FileLimit) (fitting Sizes, note string) {
	room := limit.Room()
	fitting = z
	fitting.Spokes = min(z.Spokes, room)
	fitting.Idle = or(min(z.Idle, room), min(or(z.Spokes, idleSpokes), room))
	fitting.Growth = or(min(z.Growth, room), min(or(z.Spokes, grownTo), room))
	if asked := max(z.Spokes, z.Idle, z.Growth); asked > room {
		note = fmt.Sprintf("the file limit of %d allows %d spokes, not %d", limit.Hard, room, asked)
	}
	return fitting, note
}

const (
	small      = 1000
	large      = 10_000
	idleSpokes = 18_000
	grownTo    = 19_000
	shortIdle  = 6_000
	shortGrown = 5_000

	shortMessage = 128
	longMessage  = 1 << 10
	hugeMessage  = 32 << 10
)

// Suite lists every workload. A short one has fewer spokes where they only cost time.
func Suite(sizes Sizes, short bool) []Case {
	spokes := func(usual int) int { return or(sizes.Spokes, usual) }
	bytes := func(usual int) int { return or(sizes.Payload, usual) }
	window := func(usual int) int { return or(sizes.Window, usual) }
	idle, grown := or(sizes.Idle, or(sizes.Spokes, idleSpokes)), or(sizes.Growth, or(sizes.Spokes, grownTo))
	if short {
		idle, grown = min(idle, shortIdle), min(grown, shortGrown)
	}
	rate := func(usual float64) float64 {
		if sizes.Rate > 0 {
			return sizes.Rate
		}
		return usual
	}
	cases := []Case{
		{"saturate", Fanout{spokes(small), 1, window(64), bytes(shortMessage)}},
		{"saturate", Fanout{spokes(small), 1, window(64), bytes(longMessage)}},
		{"saturate", Fanout{spokes(large), 1, window(16), bytes(shortMessage)}},
		{"saturate", Fanout{spokes(large), 1, window(16), bytes(longMessage)}},
		{"one-in-flight", Fanout{spokes(small), 1, 1, bytes(shortMessage)}},
		{"many-topics", Fanout{spokes(large), max(spokes(large)/10, 2), window(64), bytes(shortMessage)}},
		{"steady", Rate{spokes(small), bytes(shortMessage), rate(100)}},
		{"steady", Rate{spokes(large), bytes(shortMessage), rate(10)}},
		{"idle", Idle{idle}},
		{"events-in", Events{spokes(small), 1, bytes(shortMessage)}},
		{"events-in", Events{spokes(small), 16, bytes(shortMessage)}},
		{"slow", Slow{spokes(small), bytes(hugeMessage), rate(20)}},
		{"churn", Churn{spokes(large), 100, 32, bytes(shortMessage), 50_000, rate(10)}},
		{"mixed", Mixed{spokes(large), small, bytes(shortMessage), rate(10), 1}},
		{"growth", Growth{small, max(grown, 2*small), bytes(shortMessage)}},
	}
	return unique(cases)
}

func or(asked, usual int) int {
	if asked > 0 {
		return asked
	}
	return usual
}

// unique drops the cases that sizes have made equal.
func unique(cases []Case) (kept []Case) {
	seen := map[string]bool{}
	for _, c := range cases {
		name := c.Name()
		if !seen[name] {
			kept = append(kept, c)
		}
		seen[name] = true
	}
	return kept
}
