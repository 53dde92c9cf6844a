package fanout

// advance does what the loop itself must do in a spoke's inbox, and reports whether a worker must continue. The worker then
// owns the running inbox.
func (l *loop) advance(s *Spoke) bool {
	if !s.state.claim() {
		return false
	}
	for l.nextInbox(s) {
		if s.marks&connecting != 0 && (s.running.pos > 0 || s.running.items[0].kind != itemConnected) {
			l.replay(s)
		}
		if !l.carryOut(s) {
			if s.pending != nil {
				s.state.await()
			}
			return true
		}
	}
	s.state.setIdle()
	return false
}

// nextInbox makes the pending inbox the running one if that is finished. It reports false if nothing waits.
func (l *loop) nextInbox(s *Spoke) bool {
	if s.running != nil && s.running.done() {
		l.finishRunning(s)
	}
	if s.running == nil {
		s.running, s.pending = s.pending, nil
		l.resumeReading(s, inboxFull)
	}
	return s.running != nil
}

// carryOut does the next item of the running inbox, or reports that it is for a worker.
func (l *loop) carryOut(s *Spoke) bool {
	box := s.running
	next := &box.items[box.pos]
	switch next.kind {
	case itemRaw:
		box.pos++
	case itemCloseFrame:
		box.pos++
		l.sendOwedClose(s)
	case itemControl:
		if l.hub.cfg.Authorize != nil && !next.authorized {
			return false
		}
		box.pos++
		l.controlFromInbox(s, box.raw(next), next.detail)
	default:
		return false
	}
	return true
}

// controlFromInbox carries out a control event that waited in the inbox.
func (l *loop) controlFromInbox(s *Spoke, raw []byte, d *detail) {
	if s.phase != open || l.scratch.view.Parse(raw) != nil {
		return
	}
	var forbidden map[string]bool
	if d != nil {
		forbidden = d.forbidden
	}
	l.control(s, forbidden)
}
