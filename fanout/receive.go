package fanout

import (
	"time"

	"github.com/spokehub/spokehub/event"
	"github.com/spokehub/spokehub/wsframe"
)

// receive parses what an open connection sent and acts on every whole message.
func (l *loop) receive(s *Spoke, view []byte) {
	for {
		m, n, ok, violation := s.parser.Next(view, l.hub.cfg.MaxMessage)
		if violation != nil {
			l.closeWith(s, Cause{Kind: CauseViolation, Code: violation.Code, Reason: violation.Reason})
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
		case wsframe.Ping:
			l.pong(s, m.Payload)
		case wsframe.CloseOp:
			l.peerClosed(s, m.Payload)
		}
		if s.phase != open || l.sender.IsRefusing(s.conn.Slot) {
			return
		}
	}
	if s.pendingInbox != nil && (s.pendingInbox.full() || l.areInboxesFull()) {
		l.pauseReading(s, inboxFull)
	}
}

// handleMessage acts on one envelope: at once if no user code has to see it or anything before it, else by way of the spoke's
// inbox.
func (l *loop) handleMessage(s *Spoke, raw []byte) {
	view := &l.scratch.view
	err := view.Parse(raw)
	kind := event.None
	if err == nil {
		kind = view.Control()
	}
	if !l.withinRates(s, kind, len(raw)) {
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
			l.inboxOf(s).addRaw(raw)
		default:
			if l.isHeard(s) {
				l.inboxOf(s).addEvent(view)
			}
			l.relay(s)
		}
	case event.Subscribe, event.Unsubscribe:
		l.counts.controls++
		if s.quiet() && l.hub.cfg.Authorize == nil {
			l.control(s, nil)
		} else {
			l.inboxOf(s).addControl(raw)
		}
	}
}

// isHeard says whether user code is to see the event in view.
func (l *loop) isHeard(s *Spoke) bool {
	h, v := l.hub, &l.scratch.view
	return h.cfg.OnEvent != nil || h.listeners.hears(v) || s.hears(v)
}

// relay passes the event in view to the other subscribers if the hub relays. An event that is longer than QueueLimit would
// end every subscriber, so it ends its sender instead.
func (l *loop) relay(s *Spoke) {
	if !l.hub.cfg.Relay {
		return
	}
	l.counts.relayed++
	if !l.hub.publish(&outgoing{view: &l.scratch.view, except: s, on: l}) {
		l.closeWith(s, Cause{Kind: CauseViolation, Code: wsframe.CodeTooBig, Reason: "event too long to relay"})
	}
}

// withinRates accounts for a message of the spoke; over the limits, the spoke is closed. A malformed message counts as an
// event; otherwise it would be a way around the limits.
func (l *loop) withinRates(s *Spoke, kind event.Kind, size int) bool {
	if !l.hub.cfg.rated {
		return true
	}
	if s.ensureExtra().rates.spend(&l.hub.cfg.rates, kind, size, time.Now()) {
		return true
	}
	l.counts.overRate++
	l.closeWith(s, Cause{Kind: CauseViolation, Code: CodePolicy, Reason: retryReason(time.Second)})
	return false
}

func (l *loop) pong(s *Spoke, payload []byte) {
	f := newFrame()
	f.seal(append(f.reserveHeader(), payload...), wsframe.Pong, false)
	l.send(s, f)
	f.Release()
}
