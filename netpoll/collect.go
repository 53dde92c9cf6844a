package netpoll

import "time"

// collector decides whether a turn that has frames to send looks for more first. Frames that reach a connection
// together cost one system call together, which is the only big lever there is; but a hub with nothing else to do sends
// at once. It belongs to the Sender.
type collector struct {
	active  bool
	matched uint64
	started time.Time
}

// isCollecting says that the reactor should look again before it flushes: as long as each look brings more, and within
// limit of the first frame. A limit that is not positive turns it off.
func (s *Sender) isCollecting(limit time.Duration) bool {
	c := &s.collect
	if limit <= 0 || s.isHeavy() {
		c.active = false
		return false
	}
	brought := s.count.Matched != c.matched
	c.matched = s.count.Matched
	switch {
	case !brought:
		c.active = false
	case !c.active:
		c.active = true
		c.started = time.Now()
	default:
		c.active = time.Since(c.started) < limit
	}
	return c.active
}
