package fanout

import (
	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/wsframe"
)

// receive accounts for what an open connection sent, and acts on it.
func (l *loop) receive(s *Spoke, view []byte) {
	if l.withinBytes(s, len(view)+l.reactor.InputOverhead()) {
		l.parse(s, view)
	}
}

// parse acts on every whole message in view, up to one with which the spoke has to wait: what lies behind that waits with it. Of
// the pings the last one is answered.
func (l *loop) parse(s *Spoke, view []byte) {
	pinged, longest := false, l.longestMessage(s)
	for {
		m, n, ok, violation := s.parser.Next(view, longest)
		if violation != nil {
			l.answerPing(s, pinged)
			l.closeWith(s, Cause{Kind: CauseViolation, Code: violation.Code, Reason: violation.Reason})
			return
		}
		if l.hub.cfg.rated && !l.withinFrames(s, s.parser.TakeFragments()) {
			return
		}
		if !ok {
			break
		}
		view = view[n:]
		switch m.Op {
		case wsframe.Text, wsframe.Binary:
			l.counts.messages++
			if len(m.Payload) > n {
				l.reactor.Charge(len(m.Payload))
			}
			l.handleMessage(s, m.Payload)
			if longest < l.hub.cfg.MaxMessage {
				longest = l.longestMessage(s)
			}
		case wsframe.CloseOp:
			l.answerPing(s, pinged)
			l.peerClosed(s, m.Payload)
		case wsframe.Ping:
			pinged = true
			l.scratch.ping = append(l.scratch.ping[:0], m.Payload...)
			l.withinFrames(s, 1)
		default:
			l.withinFrames(s, 1)
		}
		if s.phase != open || l.sender.IsRefusing(s.conn.Slot) {
			return
		}
		if s.marks&targetBehind != 0 {
			l.answerPing(s, pinged)
			l.keepRest(s, view)
			return
		}
	}
	l.answerPing(s, pinged)
	if s.pendingInbox != nil && (s.pendingInbox.full() || l.areInboxesFull()) {
		l.pauseReading(s, inboxFull)
	}
}

// answerPing answers the last ping of a read, if there was one.
func (l *loop) answerPing(s *Spoke, pinged bool) {
	if pinged {
		l.pong(s, l.scratch.ping)
	}
}

// handleMessage acts on one envelope: at once if no user code has to see it or anything before it, else by way of the spoke's
// inbox. A malformed message counts as a frame like any other; otherwise it would be a way around the limits.
func (l *loop) handleMessage(s *Spoke, raw []byte) {
	view := &l.scratch.view
	err := view.Parse(raw)
	kind := event.None
	if err == nil {
		kind = view.Control()
	}
	var p progress
	if kind == event.None {
		if !l.withinFrames(s, 1) {
			return
		}
	} else if !l.withinControls(s, kind, &p) {
		return
	}
	if err != nil {
		l.counts.malformed++
		l.hub.log.malformedMessage(s, err)
		return
	}
	switch kind {
	case event.None:
		l.counts.events++
		switch {
		case l.isConnecting(s):
			l.keepEvent(s, raw)
		case !l.mayPublish(s):
			l.refuseToPublish(s)
		case l.hub.cfg.OnPublish != nil:
			l.inboxOf(s).addEvent(view, itemPublish)
		default:
			if l.isHeard(s) {
				l.inboxOf(s).addEvent(view, itemEvent)
			}
			l.relay(s, raw)
		}
	case event.UnknownControl:
		l.counts.unknownControls++
		l.counts.controlKinds[kind]++
	default:
		l.counts.controls++
		l.counts.controlKinds[kind]++
		switch {
		case kind == event.Auth:
			l.startAuth(s)
		case s.marks&unidentified != 0:
			l.startEarlyControl(s)
		default:
			l.startControl(s, p)
		}
	}
}

// startControl carries out the control event in view, as far as that may be done now. The rest waits in the inbox.
func (l *loop) startControl(s *Spoke, p progress) {
	if !s.quiet() || l.hub.cfg.OnSubscribe != nil {
		p = progress{}
	} else if l.control(s, &p, nil) && p.fresh == nil {
		return
	}
	l.inboxOf(s).addControl(&l.scratch.view, p)
}

// isHeard says whether user code is to see the event in view.
func (l *loop) isHeard(s *Spoke) bool {
	h, v := l.hub, &l.scratch.view
	return h.cfg.OnEvent != nil || h.listeners.Hear(v.Type, v.ID) || s.hears(v)
}

// relay passes the event in view to the other subscribers if the hub relays. It reports false if there is no room for it: then
// the spoke waits, with raw if that is not nil, and is not read. A spoke that is closed does not wait. An event that is
// longer than MaxEvent or QueueLimit could end every subscriber, so it ends its sender instead.
func (l *loop) relay(s *Spoke, raw []byte) bool {
	if !l.hub.cfg.Relay {
		return true
	}
	out := outgoing{view: &l.scratch.view, except: s, on: l, waits: s.phase == open}
	switch l.hub.publish(&out) {
	case noRoom:
		l.makeWait(s, &out, raw)
		return false
	case unavailable:
		h := l.hub
		h.counters.unavailable.Add(1)
		h.log.unavailableEvent(out.err)
		l.rejectEvent(s, event.Unavailable)
		return true
	case tooLong:
		l.closeWith(s, Cause{Kind: CauseViolation, Code: wsframe.CodeTooBig, Reason: "event too long to relay"})
	}
	l.counts.relayed++
	return true
}
