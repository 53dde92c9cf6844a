//go:build faults && linux

package simulation

import "fmt"

const barrierTopic = "barrier"

// barrier waits until the hub has worked off all that was asked of it by clients that read, and wants of each of them what it
// must have by then.
func (s *sim) barrier() {
	s.say("barrier")
	sent := make(map[int]int)
	s.round(func(c *client) { sent[c.id] = len(s.streamOf(c)) }, sent)
	s.awaitEnds()
	s.stats()
	s.stats()
	s.settle(func(x *shot) (yes, known bool) {
		if n, ok := sent[x.by.id]; ok && x.origin < n {
			return true, true
		}
		l := s.witness.life(x.by.spoke)
		if l.disconnected == 0 {
			return false, false
		}
		return s.traits.onEvent && l.heard > x.origin, true
	})
	s.round(nil, nil)
}

// awaitEnds waits until the hub has noticed the end of every client that has ended, and of every one that leaves and reads.
func (s *sim) awaitEnds() {
	for _, c := range s.clients {
		if c.leaving && !c.stalled {
			c.socket.allowed = unlimited
		}
	}
	s.pump("the end of clients that leave", func() bool {
		for _, c := range s.clients {
			if c.spoke != nil && (c.gone() || c.leaving && !c.stalled) && s.witness.life(c.spoke).disconnected == 0 {
				return false
			}
		}
		return true
	})
}

// round has every client that can ask for an answer and wait for it.
func (s *sim) round(before func(*client), sent map[int]int) {
	s.witness.open()
	waiting := make(map[*client]bool)
	for _, c := range s.clients {
		if !c.usable() || c.stalled {
			continue
		}
		c.socket.allowed = unlimited
		if before != nil {
			before(c)
		}
		c.ask(func() { delete(waiting, c) })
		waiting[c] = true
	}
	s.pump("the answers of a barrier", func() bool {
		for c := range waiting {
			if c.gone() || c.closed != 0 {
				delete(waiting, c)
				delete(sent, c.id)
			}
		}
		return len(waiting) == 0
	})
}

// ask sends a control event, at the answer to which all that was before must be there.
func (c *client) ask(answered func()) {
	required := make(map[int]int, len(c.required))
	for stream, seq := range c.required {
		required[stream] = seq
	}
	heard := len(c.sim.streamOf(c))
	owed, pinged := c.due-c.sim.inFlight(c), c.pinged
	c.control("__unsubscribe", fmt.Sprintf("b%d", c.controls), []string{barrierTopic}, func() {
		c.complete(required, "before the answer")
		c.paid = max(c.paid, owed)
		if c.ponged < pinged {
			c.fail("got %d pongs before the answer, want %d", c.ponged, pinged)
		}
		if l := c.sim.witness.life(c.spoke); c.sim.traits.onEvent && l.heard < heard {
			c.fail("got an answer ahead of the callbacks for what it sent before: %d of %d", l.heard, heard)
		}
		c.sim.verifyEars(c, heard)
		answered()
	})
}

func (s *sim) streamOf(c *client) []*shot {
	if relayStream(c.id) < len(s.streams) {
		return s.streams[relayStream(c.id)]
	}
	return nil
}
