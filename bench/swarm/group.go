//go:build linux

package swarm

// group is what a child knows of spokes of one kind: their plan, what they received, and the messages that not all of them have.
// I1: got of a message in flight is how many subscribers here have it.
type group struct {
	plan Plan
	Report
	// stampSeen is where the last message had its stamp, payload how long the payload is from there.
	stampSeen, payload int
	// local counts the subscribers of each topic here, got those that have a message in flight.
	local, got []int32
	// window is the windowed publication whose credits are counted, nil if there is none.
	window *Publication
}

func newGroup() *group {
	return &group{Report: newReport(), stampSeen: -1}
}

// countWindow starts counting towards a windowed publisher's credits.
func (g *group) countWindow(p *Publication) {
	g.window = p
	if g.got == nil {
		g.got = make([]int32, pendingRing)
	}
}

// join counts a subscriber of a topic.
func (g *group) join(topic uint32) {
	index := int(topic) - g.plan.FirstTopic
	for len(g.local) <= index {
		g.local = append(g.local, 0)
	}
	g.local[index]++
}

// arrived counts an event that one more subscriber has, and adds it to the shared counters once all subscribers here have it. wake is as
// for them.
func (g *group) arrived(counters *Counters, t tick) (wake bool) {
	index := uint64(t.topic - uint32(g.window.FirstTopic))
	message := uint64(t.seq)*uint64(g.window.Topics) + index
	got := &g.got[message%pendingRing]
	*got++
	if *got != g.local[index] {
		return false
	}
	*got = 0
	return counters.arrived(message, g.local[index])
}
