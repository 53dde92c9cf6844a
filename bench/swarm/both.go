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

// AppendEvent appends the envelope of an event that subscribers of a Fleet will check: the number seq of its topic, sent at a time in
// nanoseconds of CLOCK_MONOTONIC. It has size bytes, or, of topic 0, as many fewer as its topic is shorter, so that payloads are alike.
func AppendEvent(dst []byte, topic, seq uint32, at int64, size int) []byte {
	if topic == 0 {
		size += len(`"type":"tick","id":""`) - len(`"type":"room","id":"00000000"`)
	}
	return appendEnvelope(dst, tick{topic: topic, seq: seq, at: at}, size)
}
