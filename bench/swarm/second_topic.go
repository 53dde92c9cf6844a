//go:build linux

package swarm

// secondTopic is what a spoke of two topics knows besides: what it expects of topic 0, and the stamp of its last event.
type secondTopic struct {
	expect sequence
	at     int64
}

// payloadGrowth is how many bytes longer the payload of an event of topic 0 is than that of another topic whose envelope is as long.
const payloadGrowth = len("room:00000000") - len("tick:")

// expectation is what the spoke expects of a topic, nil if it isn't subscribed to it, and how much longer that topic's payload
// is than that of the group's plan.
func (s *spoke) expectation(topic uint32) (expect *sequence, longer int) {
	switch {
	case topic == s.topic:
		return &s.expect, 0
	case topic == 0 && s.second != nil:
		return &s.second.expect, payloadGrowth
	}
	return nil, 0
}

// inOrder counts an event that one publisher sent before the last one.
func (b *secondTopic) inOrder(at int64, faults *Faults) {
	if at < b.at {
		faults.Reordered++
	}
	b.at = at
}
