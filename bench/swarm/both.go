//go:build linux

package swarm

// both is what a spoke of two topics knows besides: what it expects of topic 0, and the stamp of the event that came last.
type both struct {
	expect sequence
	at     int64
}

// expectation is what the spoke expects of a topic; nil if it isn't subscribed to it.
func (s *spoke) expectation(topic uint32) *sequence {
	switch {
	case topic == s.topic:
		return &s.expect
	case topic == 0 && s.both != nil:
		return &s.both.expect
	}
	return nil
}

// inOrder counts an event that one publisher sent before the last one.
func (b *both) inOrder(at int64, faults *Faults) {
	if at < b.at {
		faults.Reordered++
	}
	b.at = at
}

// payloadMore is how many bytes longer the payload of an event of topic 0 is than that of another topic whose envelope is as long.
const payloadMore = len("room:00000000") - len("tick:")

// more is how much longer the payload of a topic is than the group's plan says.
func (s *spoke) more(topic uint32) int {
	if s.both != nil && topic == 0 {
		return payloadMore
	}
	return 0
}

// AppendEvent appends the envelope of an event that subscribers of a Fleet will check: the number seq of its topic, sent at a time in
// nanoseconds of CLOCK_MONOTONIC. It has size bytes.
func AppendEvent(dst []byte, topic, seq uint32, at int64, size int) []byte {
	return appendEnvelope(dst, tick{topic: topic, seq: seq, at: at}, size)
}
