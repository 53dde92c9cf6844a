package netpoll

// lags is what a Sender knows of connections that lag: whose handler sends them later what Fanout and Send do not queue. It belongs
// to the Sender, and costs nothing where there are none.
//
// I1: passed are the connections that the frame queued last was for and was not queued on, each once and marked passedOver, until the
// next frame is queued.
type lags struct {
	passed []uint32
	// one is the list of one connection.
	one [1]uint32
	// through says that frames are queued on connections that lag, and overtaking that deferrable ones are whatever waits.
	through, overtaking bool
}

// SetLagging has Fanout and Send pass a connection over, or no longer: Passed tells of it, and the handler decides. A deferrable frame
// marks by itself the connections that it finds behind.
func (s *Sender) SetLagging(slot uint32, is bool) {
	s.owner.assert()
	c := s.conns.At(slot)
	c.state &^= lagging
	if is {
		c.state |= lagging
	}
}

// Passed are the connections that lag, or are behind with a deferrable frame, among those that the last frame of Fanout or Send was
// for: they have not got it, and it does not count for them. The list is borrowed until the next call of either.
func (s *Sender) Passed() []uint32 {
	s.owner.assert()
	return s.offer.lags.passed
}

// SendPast is Send to a connection that lags. It reports false if the frame is deferrable and the connection behind: then it is not
// queued, and does not count.
func (s *Sender) SendPast(slot uint32, f *Frame) bool {
	s.offer.lags.through = true
	s.offer.lags.one[0] = slot
	s.Fanout(f, s.offer.lags.one[:], nil, NoSlot)
	s.offer.lags.through = false
	return len(s.offer.lags.passed) == 0
}

// FanoutPast is Fanout to connections that lag, with what they have missed: for a caller that looks at Charge before, and so
// gives none more than it has room for.
func (s *Sender) FanoutPast(f *Frame, slots []uint32) {
	s.offer.lags.through, s.offer.lags.overtaking = true, true
	s.Fanout(f, slots, nil, NoSlot)
	s.offer.lags.through, s.offer.lags.overtaking = false, false
}

// CountDropped counts frames for a connection that lags which it will not get.
func (s *Sender) CountDropped(frames uint64, why Reason) {
	s.owner.assert()
	s.count.Matched += frames
	s.count.Dropped[why] += frames
}

// passes says whether a connection is passed over with a frame, behind which pending is charged to it.
func (s *Sender) passes(slot uint32, c *connQueue, f *Frame, pending int) bool {
	if c.state&refusing != 0 {
		return false
	}
	if c.state&lagging != 0 && !s.offer.lags.through {
		return true
	}
	if f.behind == 0 || s.offer.lags.overtaking || s.isGatedWithNewest(c) {
		return false
	}
	return s.isBehind(slot, c, f.behind, pending)
}

// isBehind says whether more waits for a connection, whose socket is full, than a deferrable frame may wait behind. Its socket is asked
// a last time.
func (s *Sender) isBehind(slot uint32, c *connQueue, most, pending int) bool {
	if c.backlog == 0 && c.state&gated == 0 || s.chargeBehind(c, pending) <= most {
		return false
	}
	if c.backlog != 0 {
		s.roomAgain(slot)
	}
	return (c.backlog != 0 || c.state&gated != 0) && s.chargeBehind(c, pending) > most
}

// passOver notes that a connection has not got the frame that is being queued.
func (s *Sender) passOver(slot uint32, c *connQueue) {
	if c.state&passedOver == 0 {
		c.state |= lagging | passedOver
		s.offer.lags.passed = append(s.offer.lags.passed, slot)
	}
}

// forgetPassed begins another frame.
func (s *Sender) forgetPassed() {
	for _, slot := range s.offer.lags.passed {
		s.conns.At(slot).state &^= passedOver
	}
	s.offer.lags.passed = s.offer.lags.passed[:0]
}

// trim gives the memory of a spike back.
func (l *lags) trim() {
	if len(l.passed) == 0 && cap(l.passed) > largeList {
		l.passed = nil
	}
}
