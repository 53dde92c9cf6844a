package fanout

import "github.com/spokehub/spokehub/event"

// maxEarly times Config.MaxHandshake is how long a message may be that no token has come ahead of: long enough for any token.
const maxEarly = 4

// openUnidentified opens the connection of a client that is let in without an identity, to identify itself by __auth. rest is what it
// has sent behind its handshake.
//
// Such a spoke is open: it is read, pinged, and held to every limit. But OnConnection has not been called for it, nothing that it
// sends has an effect, and it gets no events. It counts as connecting. What it sends behind an __auth waits in the inbox until it is
// known whether that gives it an identity.
func (l *loop) openUnidentified(s *Spoke, rest []byte) {
	s.marks |= unidentified | connecting
	l.openSpoke(s, rest)
}

// longestMessage is how long a message of the spoke may be. A stranger who does not even show a token holds no more of the hub's memory
// than it takes to show one.
func (l *loop) longestMessage(s *Spoke) int {
	cfg := &l.hub.cfg
	if s.marks&unidentified == 0 || l.tenureOf(s).attempts > 0 {
		return cfg.MaxMessage
	}
	return min(cfg.MaxMessage, maxEarly*cfg.MaxHandshake)
}

// keepEvent keeps the message raw, which view shows, of a spoke that is connecting. If it has no identity and there is none to wait for, it is
// told so instead.
func (l *loop) keepEvent(s *Spoke, raw []byte) {
	if s.marks&unidentified != 0 && s.quiet() {
		l.rejectEarlyEvent(s)
		return
	}
	l.inboxOf(s).addBytes(itemRaw, raw)
}

// startEarlyControl answers the control event in view of a spoke without an identity, or keeps it until it is known whether it
// gets one.
func (l *loop) startEarlyControl(s *Spoke) {
	if s.quiet() && s.marks&answersBlocked == 0 {
		l.rejectEarlyControl(s)
		return
	}
	l.inboxOf(s).addControl(&l.scratch.view, progress{})
}

// dropEarly drops what waits in the inbox of a spoke that still has no identity, and tells it so.
func (l *loop) dropEarly(s *Spoke, box *inbox, i *item) fate {
	if s.phase != open {
		return itemDone
	}
	v := &l.scratch.view
	if i.kind == itemRaw {
		if v.Parse(box.raw(i)) == nil {
			l.rejectEarlyEvent(s)
		}
		return itemDone
	}
	if s.marks&answersBlocked != 0 {
		return itemLater
	}
	box.setView(v, i)
	l.rejectEarlyControl(s)
	return itemDone
}

// rejectEarlyControl rejects the control event in view.
func (l *loop) rejectEarlyControl(s *Spoke) {
	l.counts.early++
	l.reject(s, l.scratch.view.ID, nil, event.Unauthenticated)
}

// rejectEarlyEvent drops the event in view, which came too early.
func (l *loop) rejectEarlyEvent(s *Spoke) {
	l.counts.early++
	l.rejectEvent(s, event.Unauthenticated)
}
