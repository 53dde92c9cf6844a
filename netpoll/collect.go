package netpoll

import "time"

// collector decides whether a turn that has frames to send looks for more first. Frames that reach a connection
// together cost one system call together, which is the only big lever there is; but a hub with nothing else to do sends
// at once.
type collector struct {
	active  bool
	matched uint64
	started time.Time
}

// collecting says that the reactor should look again before it flushes: as long as each look brings more, and within
// Collect of the first frame.
func (r *Reactor) collecting() bool {
	c := &r.collect
	if r.cfg.Collect < 0 || r.log.isHeavy() {
		c.active = false
		return false
	}
	brought := r.count.Matched != c.matched
	c.matched = r.count.Matched
	switch {
	case !brought:
		c.active = false
	case !c.active:
		c.active = true
		c.started = time.Now()
	default:
		c.active = time.Since(c.started) < r.cfg.Collect
	}
	return c.active
}
