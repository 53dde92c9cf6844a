//go:build linux

package swarm

// group is what a child knows of spokes of one kind: their plan, their counters, and the messages that not all of them have.
// I1: got of a message in flight is how many subscribers here have it.
type group struct {
	plan      Plan
	delivered uint64
	faults    Faults
	latency   *Latency
	closes    map[uint16]int
	retries   []int
	example   string
	stampSeen int
	payload   int
	local     []int32
	got       []int32
	window    *windowPublication
}

// windowPublication is what every child must know of the windowed publisher to count its credits.
type windowPublication struct {
	first  uint32
	topics uint64
}

func newGroup() *group {
	return &group{latency: NewLatency(), closes: map[uint16]int{}, stampSeen: -1}
}

// countWindow starts counting towards a windowed publisher's credits.
func (g *group) countWindow(p *Publication) {
	g.window = &windowPublication{first: uint32(p.FirstTopic), topics: uint64(p.Topics)}
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

// arrived counts an event that one more subscriber has. Once all here have it the shared counters learn it; wake says that the publisher sleeps
// and has credits again.
func (g *group) arrived(counters *Counters, t tick) (wake bool) {
	index := uint64(t.topic - g.window.first)
	message := uint64(t.seq)*g.window.topics + index
	got := &g.got[message%pendingRing]
	*got++
	if *got != g.local[index] {
		return false
	}
	*got = 0
	return counters.arrived(message, g.local[index])
}

// closed counts a connection that should have lived, and keeps the first reason.
func (g *group) closed(why string) {
	g.faults.Closed++
	if g.example == "" {
		g.example = why
	}
}

// reply says how the group did.
func (g *group) reply() (groupReply, error) {
	encoded, err := g.latency.encode()
	if err != nil {
		return groupReply{}, err
	}
	return groupReply{
		Delivered: g.delivered, Faults: g.faults, Latency: encoded, Closes: g.closes, Retries: g.retries, Example: g.example,
	}, nil
}

// topicSent is how many of a number of events, published over the topics in turn, went to the topic with this index.
func topicSent(published uint64, topics, index int) uint32 {
	n, rest := published/uint64(topics), published%uint64(topics)
	if uint64(index) < rest {
		n++
	}
	return uint32(n)
}
