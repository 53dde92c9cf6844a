package fanout

import "time"

// openSpoke opens the connection for messages. rest is what the client sent behind its handshake.
func (l *loop) openSpoke(s *Spoke, rest []byte) {
	s.phase = open
	s.came = momentOf(time.Since(epoch))
	l.addToUser(s)
	l.startRates(s)
	if s.marks&unidentified == 0 {
		l.hub.admission.handshakeDone(s)
		if l.hub.cfg.OnConnection != nil {
			l.note(s, itemConnected, nil)
			s.marks |= connecting
		}
	}
	l.schedulePing(s)
	l.startTenure(s)
	if len(rest) > 0 {
		l.receive(s, rest)
		l.charge(s)
	}
}

// isConnecting says whether OnConnection has yet to return for the spoke, or an __auth of it has yet to be carried out, or what came
// before that has yet to be replayed. Until then its events wait in the inbox as they came: no listener and no other spoke gets an
// event from a spoke that OnConnection has not seen, and what was sent behind a token is judged by the identity that it gives.
func (l *loop) isConnecting(s *Spoke) bool {
	if s.marks&(connecting|unidentified) == connecting && s.quiet() {
		s.marks &^= connecting
	}
	return s.marks&connecting != 0
}

// replayIsDue says whether the spoke's running inbox has come to where replay is called: behind OnConnection, and then behind each
// __auth that others have waited for.
func (l *loop) replayIsDue(s *Spoke) bool {
	if s.marks&(connecting|unidentified) != connecting {
		return false
	}
	next := s.runningInbox.items[s.runningInbox.pos].kind
	if t := l.conns.tenures[s]; t != nil && t.attempts > 0 {
		return next == itemRaw
	}
	return next != itemConnected
}

// replay passes on what came before OnConnection returned, or behind an __auth that has been carried out: relayed now, in its order, and
// heard in its place in the inbox. It stops at the next __auth. If the spoke is closed meanwhile, the rest is dropped when the inbox
// comes to it. It reports false if the spoke has to wait with a message; the inbox waits with it, and replay goes on there.
func (l *loop) replay(s *Spoke) bool {
	before := s.phase
	for _, box := range [...]*inbox{s.runningInbox, s.pendingInbox} {
		if box == nil {
			continue
		}
		for i := box.pos; i < len(box.items) && s.phase == before; i++ {
			switch box.items[i].kind {
			case itemAuth:
				return true
			case itemRaw:
				if !l.replayOne(s, box, &box.items[i]) {
					return false
				}
			}
		}
	}
	s.marks &^= connecting
	return true
}

// replayOne passes on one message.
func (l *loop) replayOne(s *Spoke, box *inbox, i *item) bool {
	if l.scratch.view.Parse(box.raw(i)) != nil {
		return true
	}
	if !l.mayPublish(s) {
		l.refuseToPublish(s)
		i.kind = itemPassedOn
		return true
	}
	if l.hub.cfg.OnPublish != nil {
		*i = box.eventOf(&l.scratch.view)
		i.kind = itemPublish
		return true
	}
	if !l.relay(s, nil) {
		return false
	}
	i.kind = itemPassedOn
	if l.isHeard(s) {
		*i = box.eventOf(&l.scratch.view)
	}
	return true
}
