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

// goesOn says that the reactor should look again before it flushes, now that matched pairs of frame and connection were
// queued since the start: as long as each look brings more, and within limit of the first frame.
func (c *collector) goesOn(matched uint64, limit time.Duration) bool {
	brought := matched != c.matched
	c.matched = matched
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

// stop has the reactor flush now.
func (c *collector) stop() { c.active = false }
