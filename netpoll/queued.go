package netpoll

// QueuedFrames is how many frames wait for a connection, one that is half sent included.
func (s *Sender) QueuedFrames(slot uint32) int {
	s.owner.assert()
	c := s.conns.At(slot)
	frames := int(s.pending.nodes[c.node].frames)
	if c.backlog != 0 {
		frames += s.backlogs.at(c.backlog).frames
	}
	if c.state&gated != 0 {
		for _, f := range s.gates.of[c].frames {
			frames += f.frames()
		}
	}
	return frames
}

// EachQueued calls see with each frame that waits for a connection, whole also if a part of it is sent, until see returns false: first
// those that its full socket has not taken, the oldest first, then the others in no particular order. A frame is borrowed until see
// returns, and must not be changed.
func (s *Sender) EachQueued(slot uint32, see func(view []byte) bool) {
	s.owner.assert()
	c := s.conns.At(slot)
	if c.backlog != 0 && !s.backlogs.at(c.backlog).each(see) {
		return
	}
	for n := c.node; n != 0; n = s.pending.nodes[n].parent {
		if !s.pending.nodes[n].frame.each(see) {
			return
		}
	}
	if c.state&gated == 0 {
		return
	}
	for _, f := range s.gates.of[c].frames {
		if !f.each(see) {
			return
		}
	}
}

// each calls see with the frames that are not sent to their end, until it returns false.
func (l *backlog) each(see func(view []byte) bool) bool {
	offset := l.offset
	for _, b := range l.batches[l.first:] {
		if !eachFrame(b.bytes, b.ends, offset, see) {
			return false
		}
		offset = 0
	}
	return true
}

// each calls see with what the frame consists of, until it returns false.
func (f *Frame) each(see func(view []byte) bool) bool {
	if f.ends == nil {
		return see(f.bytes)
	}
	return eachFrame(f.bytes, f.ends, 0, see)
}

// eachFrame calls see with the frames in bytes that end behind from, until it returns false.
func eachFrame(bytes []byte, ends []frameEnd, from int, see func(view []byte) bool) bool {
	start := 0
	for _, end := range ends {
		if end.offset() > from && !see(bytes[start:end.offset()]) {
			return false
		}
		start = end.offset()
	}
	return true
}
