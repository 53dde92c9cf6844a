//go:build linux

package swarm

import "bytes"

// message handles one text or binary message: an event, or several of a server that joins them, or an answer.
func (p *process) message(s *spoke, g *group, view []byte) {
	off := g.stampSeen
	if !stampAtOffset(view, off) {
		if off = findStamp(view); off < 0 {
			p.answer(s, g, view)
			return
		}
		g.stampSeen = off
	}
	p.event(s, g, view, off)
	for g.plan.Dialect != DialectHub {
		view = view[off+stampLength:]
		if off = findStamp(view); off < 0 {
			return
		}
		p.event(s, g, view, off)
	}
}

func (p *process) event(s *spoke, g *group, view []byte, off int) {
	if !s.checked {
		return
	}
	t := stamp(view, off)
	expect, longer := s.expectation(t.topic)
	if expect == nil {
		g.Faults.Foreign++
		return
	}
	end := off + g.payload + longer
	if len(view) < end || view[end-1] != '}' || view[end-2] != '"' {
		g.Faults.Malformed++
		return
	}
	if !expect.observe(t.seq, &g.Faults) {
		return
	}
	if s.second != nil {
		s.second.inOrder(t.at, &g.Faults)
	}
	g.Delivered++
	age := p.clock.last - t.at
	g.Latency.Record(age)
	if s.slow != nil {
		g.aged(s.slow, age, p.clock.last)
	}
	if g.window != nil && g.arrived(p.counters, t) {
		p.wake()
	}
}

// answer handles what carries no event: an acknowledgement, or an application-level ping.
func (p *process) answer(s *spoke, g *group, view []byte) {
	answered, rejected := g.plan.Dialect.subscribed(view)
	switch {
	case rejected:
		g.Faults.Malformed++
		p.lose(s, "the server rejected: "+string(bytes.TrimSpace(view)))
	case answered && s.state == stateSubscribing:
		p.subscribed(s)
	case answered:
		p.tally.answered.Add(1)
		if due, ok := ackStamp(view); ok {
			g.Latency.Record(p.clock.last - due)
		}
	case bytes.HasPrefix(view, []byte(gapPrefix)):
		g.gap(view)
	default:
		if alive := g.plan.Dialect.appendKeepAlive(nil, view); len(alive) > 0 {
			p.send(s, alive)
		}
	}
}
