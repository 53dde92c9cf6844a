//go:build faults && linux

package simulation

import "fmt"

// barrierTopic is a topic that nobody subscribes to.
const barrierTopic = "barrier"

// barrier waits until the hub has done all that clients that read have asked for, and checks that each of them has got what it must.
func (s *sim) barrier() {
	s.logf("barrier")
	sent := make(map[int]int)
	s.roundTrips(func(c *client) { sent[c.id] = len(s.seriesOf(c)) }, sent)
	s.awaitEnds()
	s.stats()
	s.stats()
	s.resolveInFlight(func(x *trackedEvent) (yes, known bool) {
		if n, ok := sent[x.by.id]; ok && x.origin < n {
			return true, true
		}
		seen := s.recorder.recordOf(x.by.spoke)
		if seen.disconnected == 0 {
			return false, false
		}
		return s.traits.onEvent && seen.heard > x.origin, true
	})
	s.roundTrips(nil, nil)
	s.verifyUsers()
}

// awaitEnds waits until the hub has noticed the end of every client that has ended or is about to and reads.
func (s *sim) awaitEnds() {
	for _, c := range s.clients {
		if c.ending && !c.stalled {
			c.socket.allowed = unlimited
		}
	}
	s.await("the end of clients that have ended", func() bool {
		for _, c := range s.clients {
			if c.spoke != nil && (c.gone() || c.ending && !c.stalled) && s.recorder.recordOf(c.spoke).disconnected == 0 {
				return false
			}
		}
		return true
	})
}

// roundTrips has every client that can ask for an answer, and waits for all answers.
func (s *sim) roundTrips(before func(*client), sent map[int]int) {
	s.recorder.unblockCallbacks()
	waiting := make(map[*client]bool)
	for _, c := range s.clients {
		if !c.usable() || c.stalled {
			continue
		}
		c.socket.allowed = unlimited
		if before != nil {
			before(c)
		}
		c.askForAnswer(func() { delete(waiting, c) })
		waiting[c] = true
	}
	s.await("the answers of a barrier", func() bool {
		for c := range waiting {
			if c.gone() || c.closed {
				delete(waiting, c)
				delete(sent, c.id)
			}
		}
		return len(waiting) == 0
	})
}

// askForAnswer sends a control event. When its answer comes, everything that was due before must have come.
func (c *client) askForAnswer(answered func()) {
	required := make(map[int]int, len(c.required))
	for series, seq := range c.required {
		required[series] = seq
	}
	heard, checkNotices := len(c.sim.seriesOf(c)), c.noticesDue()
	sent, pinged, due := c.bytesSent-c.sim.bytesInFlight(c), c.pinged, c.pongsDue
	c.control("__unsubscribe", fmt.Sprintf("b%d", c.controls), []string{barrierTopic}, func() {
		c.requireArrived(required, "before the answer")
		checkNotices()
		c.bytesArrived = max(c.bytesArrived, sent)
		if c.ponged < due {
			c.fail("got %d pings answered before the answer, want %d", c.ponged, due)
		}
		c.pongsDue = pinged
		if seen := c.sim.recorder.recordOf(c.spoke); c.sim.traits.onEvent && seen.heard < heard {
			c.fail("got an answer before the callbacks for what it had sent: %d of %d", seen.heard, heard)
		}
		c.sim.verifyListeners(c, heard)
		answered()
	})
}

// seriesOf is the series of the events that a client has sent.
func (s *sim) seriesOf(c *client) []*trackedEvent {
	if relaySeries(c.id) < len(s.series) {
		return s.series[relaySeries(c.id)]
	}
	return nil
}
